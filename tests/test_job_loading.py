"""Settings of scheduled jobs: layers, lines, all mistakes at once, no passwords where others read them."""

import json
import os
import re
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.nightly.layers import Environment, literal, read_file
from pipelines.nightly.loading import load_job
from pipelines.nightly.secrets import hide, holds_secret
from pipelines.nightly.settings import JobSettings

SMALL = """name = "sales"

[source]
path = "sales.csv"

[sink]
path = "out/forecasts.parquet"

[model]
horizon = 3
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("TCN_JOB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(text, path="job.toml"):
    Path(path).write_text(text, encoding="utf-8")
    return Path(path)


def refused(text, overrides=None):
    """The lines of the error, without its first."""
    with pytest.raises(ConfigError) as caught:
        load_job(write(text), overrides or {})
    assert caught.value.exit_code == 78
    head, *lines = str(caught.value).splitlines()
    assert re.fullmatch(rf"A job must have settings that are allowed; {len(lines)} (is|are) not:", head)
    return lines


def test_the_environment_counts_before_the_file_and_flags_before_both(monkeypatch):
    monkeypatch.setenv("TCN_JOB_RETRAIN__EVERY", "7")
    monkeypatch.setenv("TCN_JOB_MODEL__LEVELS", "[50]")
    monkeypatch.setenv("TCN_JOB_NOTIFY__COMMAND", '["mail", "ann"]')
    monkeypatch.setenv("tcn_job_checks__gaps", "off")
    job = load_job(write(SMALL + "\n[retrain]\nevery = 5\nkeep = 3\n"), {"model.levels": "[60, 90]"})
    assert (job.retrain.every, job.retrain.keep) == (7, 3)
    assert job.model.levels == (60.0, 90.0)
    assert job.notify.command == ("mail", "ann")
    assert job.checks.gaps == "off"


def test_the_same_grammar_holds_for_settings_made_in_python(monkeypatch):
    monkeypatch.setenv("TCN_JOB_MODEL__HORIZON", "9")
    made = JobSettings(name="a", source={"path": "x"}, sink={"path": "y"})
    assert made.model.horizon == 9
    assert Environment(JobSettings).get_field_value(None, "model")[0] == {"horizon": 9}


def test_relative_paths_are_relative_to_the_file_wherever_the_job_runs(tmp_path, monkeypatch):
    (tmp_path / "jobs").mkdir()
    text = SMALL.replace('"sales.csv"', '"../sales.csv"\nstatic = "static.csv"')
    file = write(text + '\n[tracking]\nuri = "sqlite:///runs.db"\n', "jobs/job.toml")
    here = load_job(file)
    monkeypatch.chdir("jobs")
    there = load_job(Path("job.toml"))
    assert here == there
    assert here.fingerprint == there.fingerprint
    assert here.source.path == str(tmp_path / "sales.csv")
    assert here.source.static == str(tmp_path / "jobs" / "static.csv")
    assert here.sink.path == str(tmp_path / "jobs" / "out" / "forecasts.parquet")
    assert here.tracking.uri == f"sqlite:///{tmp_path}/jobs/runs.db"
    assert here.folder == tmp_path / "jobs" / "sales"


SOURCES = {
    "a file": 'path = "sales.csv"',
    "one elsewhere": 'path = "../data/sales.csv"',
    "static, too": 'path = "sales.csv"\nstatic = "static.csv"',
    "a database": 'url = "sqlite:///d.db?timeout=9"\ntable = "sales"',
    "written as absolute": 'path = "HERE/sales.csv"',
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_job_that_moves_with_its_data_keeps_its_key(tmp_path, source):
    keys = set()
    for place in ("one", "another/place"):
        here = tmp_path / place / "jobs"
        here.mkdir(parents=True)
        text = SMALL.replace('path = "sales.csv"', source.replace("HERE", str(here)))
        job = load_job(write(text, f"{place}/jobs/job.toml"))
        keys.add(job.fingerprint)
        assert str(tmp_path / place) in (job.source.path or job.source.url.get_secret_value())
    assert len(keys) == 1
    assert job.model_copy(update={"retrain": job.retrain}).fingerprint in keys


def test_other_data_are_another_key(tmp_path):
    paths = ("sales.csv", "other.csv", "../sales.csv", "/data/sales.csv", "/other/sales.csv", "bike_sharing")
    keys = {load_job(write(SMALL.replace("sales.csv", path))).fingerprint for path in paths}
    assert len(keys) == len(paths)
    other = "url = 'sqlite:///{}.db'\ntable = 't'"
    texts = [SMALL.replace('path = "sales.csv"', other.format(name)) for name in ("a", "b")]
    assert len({load_job(write(text)).fingerprint for text in texts}) == 2


def test_a_setting_at_its_default_is_the_same_key_as_one_that_is_left_out():
    plain, said = load_job(write(SMALL)), load_job(write(SMALL), {"watch.nights": "28"})
    assert said.fingerprint == plain.fingerprint != load_job(write(SMALL), {"watch.nights": "27"}).fingerprint


def test_forecasts_never_replace_the_data(tmp_path):
    write("x", "sales.csv")
    Path("out").mkdir()
    Path("out/forecasts.parquet").symlink_to(tmp_path / "sales.csv")
    with pytest.raises(ConfigError, match="must not replace the data"):
        load_job(write(SMALL))
    table = "url = 'sqlite:///d.db'\ntable = 't'\n"
    with pytest.raises(ConfigError, match="must not be mixed with the data"):
        load_job(write(f"name = 'a'\n[source]\n{table}[sink]\n{table}[model]\nhorizon = 3\n"))


@pytest.mark.parametrize(
    ("column", "table"),
    [("id_col='model'", False), ("time_col='model'", False), ("alias='SeasonalNaive'", False),
     ("id_col='model'", True), ("id_col='Job'", True), ("alias='Cutoff'", True)],
)  # fmt: skip
def test_no_column_takes_the_place_of_another_one_of_the_forecasts(column, table):
    text = SMALL + column + "\n"
    if table:
        text = text.replace('path = "out/forecasts.parquet"', "url = 'sqlite:///d.db'\ntable = 't'")
    with pytest.raises(ConfigError, match=f"{column.partition('=')[0]} must not be a name that another"):
        load_job(write(text))


@pytest.mark.parametrize("path", ["", "forecasts", "forecasts.xls", "s3://bucket/forecasts"])
def test_forecasts_go_to_a_file_of_a_known_kind(path):
    with pytest.raises(ConfigError, match=r"'sink.path' must end in \.csv or \.parquet"):
        load_job(write(SMALL), {"sink.path": path})
    with pytest.raises(ConfigError, match=r"'source.path' must name"):
        load_job(write(SMALL), {"source.path": ""})


@pytest.mark.parametrize(
    ("given", "kept"),
    [("bike_sharing", True), ("s3://bucket/f.parquet", True), ("/data/f.parquet", True), ("bike.csv", False)],
)
def test_data_sets_and_addresses_are_no_relative_paths(given, kept):
    job = load_job(write(SMALL.replace("sales.csv", given)))
    assert (job.source.path == given) is kept


def test_a_relative_sqlite_database_lies_beside_the_file(tmp_path):
    text = SMALL.replace('path = "sales.csv"', 'url = "sqlite:///d.db"\ntable = "t"')
    assert load_job(write(text)).source.url.get_secret_value() == f"sqlite:///{tmp_path}/d.db"


def test_every_mistake_is_named_at_once_with_its_line_and_a_cure(monkeypatch):
    monkeypatch.setenv("TCN_JOB_SORUCE__PATH", "x")
    monkeypatch.setenv("TCN_JOB_WATCH__NIGHTS", "many")
    text = """name = "../sales"
retrain = 7
[source]
tabel = "x"
url = "sqlite:///d.db"
[model]
horizon = 0
presett = "fast"
season_length = [
  0,
]
[checks]
freshness = "warm"
zzz = 1
"""
    lines = refused(text, {"gates.max_series": "2", "name": "7"})
    expected = [
        ("job.toml, line 2: 'retrain' must be a table. Received: 7."),
        ("job.toml, line 4: 'source.tabel' is not a setting; did you mean 'table'?"),
        ("job.toml, line 7: 'model.horizon' must be greater than or equal to 1. Received: 0."),
        ("job.toml, line 8: 'model.presett' is not a setting; did you mean 'preset'?"),
        ("job.toml, line 9: 'model.season_length' must"),
        ("job.toml, line 13: 'checks.freshness' must be 'fail', 'warn' or 'off'. Received: 'warm'."),
        ("job.toml, line 14: 'checks.zzz' is not a setting; leave it out, or take one of: freshness, "),
        ("--set gates.max_series: 'gates.max_series' must be less than or equal to 1. Received: 2."),
        ("--set name: 'name' must be a valid string. Received: 7; put it in quotes, \"'...'\"."),
        ("environment variable TCN_JOB_SORUCE__PATH: 'soruce' is not a setting; did you mean 'source'?"),
        ("environment variable TCN_JOB_WATCH__NIGHTS: 'watch.nights' must be a valid integer"),
        ("job.toml: 'sink' must be given. Received: nothing; add the table [sink]."),
    ]
    assert len(lines) == len(expected)
    for start in expected:
        assert any(line.startswith(start) for line in lines), (start, lines)
    numbers = [int(found[1]) for line in lines if (found := re.search(r", line (\d+)", line))]
    assert numbers == sorted(numbers)


def test_settings_that_do_not_go_together_are_named_with_all_others():
    text = """name = "sales"
[source]
path = "out.csv"
static = "~nobody-of-this-name/static.csv"
past = 7
[sink]
path = "./out.csv"
[tracking]
uri = "a\\u0000b"
[model]
horizon = 0
"""
    lines = refused(text)
    assert [re.sub(r"job.toml, line (\d+): '([\w.]+)'.*", r"\1 \2", line) for line in lines] == [
        "4 source.static", "5 source.past", "7 sink.path", "9 tracking.uri", "11 model.horizon",
    ]  # fmt: skip
    assert "Received: 7 without model.freq; set it." in lines[1]
    last = refused(text, {"model.freq": "Q!", "source.path": "", "sink.path": "forecasts.xls"})[-3:]
    assert last[0].startswith("--set model.freq: 'model.freq' must be a pandas frequency such as 'h', ")
    assert last[1].startswith("--set sink.path: 'sink.path' must end in .csv or .parquet. Received: ")
    assert last[2].startswith("--set source.path: 'source.path' must name a file, a folder or a data set.")


def test_a_path_may_begin_with_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.setenv("TCN_JOB_SINK__PATH", "~/out.csv")
    text = SMALL.replace('"sales.csv"', '"~/sales.csv"\nstatic = "./~static.csv"')
    job = load_job(write(text + '[tracking]\nuri = "~/runs"\n'), {"folder": "~/state"})
    home = tmp_path / "ann"
    assert job.folder == home / "state"
    assert (job.source.path, job.sink.path) == (f"{home}/sales.csv", f"{home}/out.csv")
    assert (job.source.static, job.tracking.uri) == (f"{tmp_path}/~static.csv", f"{home}/runs")
    in_full = text.replace('"~/sales.csv"', f'"{home}/sales.csv"')
    assert load_job(write(in_full)).fingerprint == load_job(write(text)).fingerprint


def looked_at(text, overrides=None):
    """The settings that a look at this machine finds unusable, and the rest of their lines."""
    load_job(write(text), overrides)
    try:
        load_job(write(text), overrides, look=True)
    except ConfigError as error:
        lines = str(error).splitlines()[1:]
        return dict(re.fullmatch(r"(?:job.toml(?:, line \d+)?|--set \S+): '(\S+)' (.*)", each).groups()
                    for each in lines)  # fmt: skip
    return {}


def test_a_look_finds_every_place_that_cannot_be_used(tmp_path):
    Path("full.csv").mkdir()
    write("x", "file.csv")
    text = SMALL.replace('"sales.csv"', '"gone.csv"\nstatic = "full.csv"')
    found = looked_at(text, {"sink.path": "file.csv/out.csv", "folder": "file.csv"})
    assert list(found) == ["source.path", "source.static", "folder", "sink.path"]
    assert f"Received: '{tmp_path}/gone.csv', no such file or folder; correct it" in found["source.path"]
    assert "must name a file that the job can read." in found["source.static"]
    assert f"where '{tmp_path}/file.csv' is no folder; name another" in found["sink.path"]
    assert "is no folder" in found["folder"]
    assert "without Parquet files" in looked_at(SMALL, {"source.path": "full.csv"})["source.path"]
    write("x", "full.csv/rows.parquet")
    assert looked_at(SMALL, {"source.path": "full.csv"}) == {}
    place = looked_at(SMALL, {"source.path": "file.csv", "sink.path": "full.csv"})["sink.path"]
    assert place.endswith(
        f"which is a folder; name a file in it, such as '{tmp_path}/full.csv/forecasts.csv'."
    )


def test_a_look_finds_what_is_in_the_way_of_the_jobs_own_folder_and_of_links(tmp_path):
    write("x", "sales.csv")
    assert looked_at(SMALL) == {}
    write("x", load_job(write(SMALL)).name)
    assert "is no folder" in looked_at(SMALL)["folder"]
    assert looked_at(SMALL, {"folder": "state"}) == {}
    (tmp_path / "link.csv").symlink_to(tmp_path / "sales.csv" / "out.csv")
    found = looked_at(SMALL, {"folder": "state", "sink.path": "link.csv"})
    assert f"where '{tmp_path}/sales.csv' is no folder" in found["sink.path"]


def test_a_look_finds_what_lacks_permission(monkeypatch):
    write("x", "sales.csv")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert {*looked_at(SMALL)} == {"source.path", "folder", "sink.path"}


@pytest.mark.parametrize(
    "source",
    ['path = "bike_sharing"', 'path = "s3://bucket/a.csv"', "url = 'sqlite:///gone.db'\ntable = 't'"],
)
def test_a_look_stays_on_this_machine(source):
    text = SMALL.replace('path = "sales.csv"', source)
    assert looked_at(text) == looked_at(text, {"sink.path": "s3://bucket/b.csv"}) == {}


def test_a_place_that_is_neither_path_nor_table_is_shown_without_its_values():
    text = SMALL.replace('path = "sales.csv"', 'url = "sqlite:///hush.db"')
    (line,) = refused(text)
    rule = "must have either a path, or a url with a table"
    assert line == f"job.toml, line 3: 'source' {rule}. Received: a table with url."


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("name", "../../canary"),
        ("name", "/etc/canary"),
        ("name", "a\nb"),
        ("name", "a; touch canary"),
        ("source.table", 'x"; DROP TABLE canary; --'),
        ("sink.table", "canary.x"),
        ("source.db_schema", "x' OR 1=1"),
        ("tracking.model", "../canary"),
        ("model.alias", ""),
        ("notify.webhook", "file:///etc/passwd"),
        ("notify.webhook", "http://"),
        ("notify.webhook", "http://[::1"),
        ("notify.command", "touch canary"),
    ],
)
def test_names_that_would_reach_elsewhere_are_refused(place, value):
    lines = refused(SMALL, {place: json.dumps(value)})
    assert any(line.startswith(f"--set {place}: '{place}' must ") for line in lines), lines
    assert os.listdir() == ["job.toml"]


def test_yaml_and_its_tags_are_text_at_most():
    value = "!!python/object/apply:os.system ['touch canary']"
    assert load_job(write(SMALL), {"model.alias": value}).model.alias == value
    with pytest.raises(ConfigError, match="line 1"):
        load_job(write(f"name: {value}"))
    assert os.listdir() == ["job.toml"]


SECRET = "postgresql://ann:canary-pw@host/db"


@pytest.mark.parametrize(
    ("table", "name", "address"),
    [
        ("source", "url", SECRET),
        ("sink", "url", SECRET),
        ("sink", "url", "postgresql://ann:canary/pw#?@host/db"),
        ("source", "path", "ftp://ann:canary-pw@host/f.csv"),
        ("source", "static", "ftp://ann:canary-pw@host/f.csv"),
        ("sink", "path", "ftp://ann:canary-pw@host/f.csv"),
        ("tracking", "uri", "https://ann:canary-pw@host"),
        ("source", "url", "postgresql://host/db?sslpassword=canary-pw"),
        ("notify", "webhook", "https://chat.example/hooks/canary-pw-0123456789abcdef"),
        ("notify", "webhook", "https://chat.example/hook?t=canary-pw"),
        ("notify", "webhook", "http://ann:canary-pw@host/x"),
    ],
)
@pytest.mark.parametrize("flag", [False, True])
def test_passwords_come_from_the_environment_only(table, name, address, flag, monkeypatch):
    text = SMALL
    if name == "url":
        text = text.replace(f"[{table}]\npath = ", f"[{table}]\ntable = 't'\nurl = 'sqlite:///'\n# ")
    variable = f"TCN_JOB_{table}__{name}".upper()
    values = tomllib.loads(text)
    if flag:
        lines = refused(text, {f"{table}.{name}": address})
    else:
        values.setdefault(table, {})[name] = address
        lines = refused("\n".join(toml_of(values)))
    assert any(variable in line and f"'{table}.{name}' must not hold a password" in line for line in lines)
    assert "canary" not in "".join(lines)
    monkeypatch.setenv(variable, address)
    job = load_job(write(text))
    assert "canary" not in hide(address, job)
    if ":canary-pw@" in address:
        assert hide("no login with canary-pw", job) == "no login with ***"


def toml_of(values):
    """Lines of a small file."""
    yield f"name = '{values.pop('name')}'"
    for table, content in values.items():
        yield f"[{table}]"
        yield from (f"{name} = {value!r}" for name, value in content.items())


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=4),
    st.sampled_from(
        ["postgresql://u:{}@h/d", "https://{}@h/x", "mysql://h/d?password={}", "s3://b?x_token={}"]
    ),
)
def test_what_lets_readers_in_is_hidden_in_any_message(secret, address):
    message = f"cannot reach {address.format(secret)}, try again"
    assert f"{secret}@" not in hide(message)
    assert f"={secret}" not in hide(message)
    assert hide(message).startswith("cannot reach ")
    assert hide(hide(message)) == hide(message)


def test_secrets_of_the_job_are_hidden_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("TCN_JOB_SOURCE__URL", "postgresql://ann:p%40ss@host/db")
    text = SMALL.replace('path = "sales.csv"', "table = 't'")
    assert hide("login with p@ss or p%40ss failed", load_job(write(text))) == "login with *** or *** failed"


def test_addresses_without_a_password_may_stand_in_the_file():
    assert not holds_secret("postgresql://ann@host/db?sslmode=require")
    assert not holds_secret("http://127.0.0.1:9/hook", paths=True)
    text = SMALL.replace('path = "sales.csv"', "table = 't'\nurl = 'postgresql://ann@host/db'")
    assert load_job(write(text)).source.url.get_secret_value().startswith("postgresql://ann@")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"name = \n", "line 1"),
        (b'name = "x"\n\n[source\n', "line 3"),
        (b'name = "x"\n# \xff\n', "line 2: a job file must be UTF-8"),
        (b'name = "x"\nname = "y"\n', "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(content, text):
    Path("job.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=text):
        load_job(Path("job.toml"))


def test_what_is_no_file_of_a_sensible_size_is_refused():
    os.mkfifo("pipe.toml")
    write("# settings\n" * 100_000, "large.toml")
    refusals = {
        "missing.toml": "tcn job init",
        ".": r"must be a regular file\. Received: '\.', which is a folder; name",
        "pipe.toml": r"must be a regular file\. Received: 'pipe\.toml', which is a pipe or device; name",
        "large.toml": r"at most 262,144 bytes\. Received: 'large\.toml' with 1,100,000; ",
    }
    for name, text in refusals.items():
        with pytest.raises(ConfigError, match=text):
            load_job(Path(name))


@pytest.mark.parametrize("line", ["# a comment\n", "key{} = 1\n", "[table{}]\n", "x{} = [\n1, # ]\n]\n"])
def test_the_largest_files_are_read_within_seconds(line):
    text = "".join(line.format(number) for number in range(262_000 // (len(line) + 5)))
    start = time.monotonic()
    origins = read_file(write(text)).origins
    assert time.monotonic() - start < 10
    assert len(origins) == (0 if line[0] == "#" else text.count("\n") // line.count("\n"))


NAMES = st.text("abc", min_size=1, max_size=2)
VALUES = st.sampled_from(["1", '"x"', "[\n 1,\n 2,\n]", '"""\nz = 1\n[a]\n"""', "{ q = 1 }"])


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.tuples(VALUES, st.integers(0, 2)))), st.booleans())
def test_the_line_of_each_setting_is_where_it_is_written(tables, windows):
    text, where = "", {}
    for table, content in tables.items():
        where[(table,)] = text.count("\n") + 1
        text += f"[{table}]\n"
        for name, (value, blank) in content.items():
            text += "# z = 1\n" * blank
            where[(table, name)] = text.count("\n") + 1
            text += f"{name} = {value}\n"
    path = Path("lines.toml")
    path.write_bytes((text.replace("\n", "\r\n") if windows else text).encode())
    origins = read_file(path).origins
    assert {place: origins[place] for place in where} == {
        place: f"lines.toml, line {line}" for place, line in where.items()
    }


@given(st.text())
def test_any_text_is_a_value(text):
    read = literal(text)
    assert read == text or not isinstance(read, str) or text.strip()[0] in "\"'"


@pytest.mark.parametrize("text", ["a\nb = 1", "1\nb = 2", "", "1 2", "yes"])
def test_what_toml_would_not_write_as_one_value_is_text(text):
    assert literal(text) == text
