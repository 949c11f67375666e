"""The cases, by area. Reading a module enters its cases into the book."""

from conformance.book import CASES as CASES
from conformance.cases import cli as cli
from conformance.cases import containers_create as containers_create
from conformance.cases import containers_data as containers_data
from conformance.cases import containers_life as containers_life
from conformance.cases import images as images
from conformance.cases import networks as networks
from conformance.cases import system as system
