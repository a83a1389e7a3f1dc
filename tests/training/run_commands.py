"""Do the commands of a JSON file; what each comes to is left beside it, by rank."""

import contextlib
import io
import json
import sys
from pathlib import Path

from paddleseg_u2net.commands import main
from paddleseg_u2net.training.distributed import Distributed

if __name__ == "__main__":
    jobs = Path(sys.argv[1])
    done = {}
    for name, command, *words in json.loads(jobs.read_text()):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(command, words)
        done[name] = [code, said.getvalue()]
    jobs.with_suffix(f".{Distributed().rank}.json").write_text(json.dumps(done))
