"""What `make up` prints is true."""

import subprocess
import sys
from urllib.parse import urlsplit

from integration_tools import REPOSITORY

from lab.cluster import Lab
from lab.http import call


def test_consuls_page_is_where_the_lab_says_that_it_is(lab: Lab) -> None:
    command = [sys.executable, "-m", "lab", "status", "--name", lab.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    rows = {words[0]: words[1:] for words in map(str.split, done.stdout.splitlines())}
    status, address = rows["consul"]
    assert status == "up"
    page = urlsplit(address)
    assert page.path == "/ui"
    answer = call("GET", page.netloc, f"{page.path}/")
    assert answer.status == 200
    assert b"<title>Consul" in answer.body
