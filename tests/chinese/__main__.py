"""`python -m tests.chinese`: notes of which English the Chinese is the translation.

To be run once the Chinese of a text that has changed says the same again.
"""

import json

from tests.chinese import texts
from tests.host_process import HostProcess

if __name__ == "__main__":
    with HostProcess() as host:
        noted = texts.originals(host.object_info())
    texts.ORIGINALS.write_text(json.dumps(noted, indent=2) + "\n", "utf-8")
