"""The cases, by area. Reading a module enters its cases into the book."""

from tests.conformance.book import CASES as CASES
from tests.conformance.cases import cli as cli
from tests.conformance.cases import containers_create as containers_create
from tests.conformance.cases import containers_data as containers_data
from tests.conformance.cases import containers_life as containers_life
from tests.conformance.cases import images as images
from tests.conformance.cases import networks as networks
from tests.conformance.cases import system as system
