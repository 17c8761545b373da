"""Whether a scheduled job notices when what it keeps is damaged.

A job of a few daily series with a champion has run for some nights. Each file of its state, and of what it
has published, is damaged: a bit flipped, cut in half, emptied. The last night is then run again, and the next
one after it: each must end within a minute, with an error that has a name, with the same forecast, or with a
forecast of others that is flagged.
"""

from __future__ import annotations

import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from _disturbed import Run, arguments, cutoff, digest, label, make, night, problem
from _nights import Warm, tcn
from _timing import row, wants_small

NAMED = (65, 75, 78)  # exit codes of errors that have a name
LIMIT = 60.0  # seconds within which a job with damaged files must have ended


def main(small: bool) -> None:
    """Damage the state of a job in every way, and count."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make(home, small)
        run: Run = partial(tcn, inside=True) if small else Warm()
        for number in range(3):
            night(run, home, number)
        failed = damaged(run, home, 2, small)
        if isinstance(run, Warm):
            run.close()
    if failed:
        raise SystemExit("\n".join(failed))


def damaged(run: Run, home: Path, last: int, small: bool) -> list[str]:
    """Damage each file of the state, then run the next night, and this one again."""
    failed, codes, slowest = [], Counter[str](), 0.0
    names = [path.relative_to(home) for path in sorted((home / "state").rglob("*")) if path.is_file()]
    # Nights that the next one looks at; all others are alike.
    late = str(cutoff(last - 2).strftime("%Y%m%d"))
    names = [name for name in names if name.parts[1] != "nights" or name.parts[2] >= late]
    names += [Path("forecasts.parquet"), Path("forecasts.parquet.manifest.json")]
    night(run, home, last + 1)
    good = {number: digest(label(home, number)) for number in (last, last + 1)}
    undo(run, home, last + 1)
    kept = home.parent / "kept"
    shutil.copytree(home, kept)
    for name in names[:: 6 if small else 1]:
        for how in ("flipped",) if small else ("flipped", "cut", "empty"):
            spoil(home / name, how)
            for number in (last, last + 1):
                answer = run(*arguments(number, home), cwd=home)
                slowest = max(slowest, answer.seconds)
                what = f"{name}, {how}, night {number - last}: exit {answer.code}"
                if answer.code:
                    codes[f"exit {answer.code}"] += 1
                    if answer.code not in NAMED or not answer.record.get("error", {}).get("message"):
                        failed.append(f"{what}: {answer.words[-800:]}")
                    continue
                odd = [finding["check"] for finding in answer.record["findings"]]
                same = digest(label(home, number)) == good[number]
                codes["same forecast" if same else "flagged forecast of others"] += 1
                codes["told of damage"] += bool(odd)
                if text := problem(home, number):
                    failed.append(f"{what}: {text}")
                if not same and not odd:
                    failed.append(f"{what}: another forecast, and nobody was told")
            shutil.rmtree(home)
            shutil.copytree(kept, home)
    shutil.rmtree(kept)
    row("files of the state that were damaged", str(len(names)))
    row("  " + ", ".join(f"{name}: {count}" for name, count in codes.items()), "")
    row("  the longest run", f"{slowest:.1f} s", slowest / LIMIT, "the limit")
    return [*failed, *(["a run took too long"] if slowest > LIMIT else [])]


def undo(run: Run, home: Path, number: int) -> None:
    """Forget a night, and publish the one before it again."""
    shutil.rmtree(label(home, number).parent)
    (home / "forecasts.parquet").unlink()
    night(run, home, number - 1)


def spoil(path: Path, how: str) -> None:
    """Damage a file."""
    content = path.read_bytes()
    middle = len(content) // 2
    if how == "cut":
        path.write_bytes(content[:middle])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(content[:middle] + bytes([(content or b"0")[middle] ^ 1]) + content[middle + 1 :])


if __name__ == "__main__":
    main(wants_small(__doc__))
