"""What Dagster keeps of a failed step, a line of its log and a tick: the error, and no secret."""

import dagster as dg
import pytest
from dagster_shared.error import SerializableErrorInfo

from connector_defs.domain import log_redaction
from connector_defs.domain.known_secrets import know
from connector_defs.orchestration import clean_errors as room
from connector_defs.orchestration.clean_errors import clean_errors

SECRET = "planted-secret-4711"


@pytest.fixture(autouse=True)
def _known() -> None:
    log_redaction.install()
    clean_errors()
    know([SECRET])


@dg.asset
def breaks(context: dg.AssetExecutionContext) -> None:
    """A step with a defect of the worst kind."""
    context.log.info("logging on with %s", SECRET)
    try:
        _ = {}[f"https://x/Logon?OperatorPassword={SECRET}"]
    except KeyError as error:
        raise ValueError(f"no logon with {SECRET}") from error


def kept() -> str:
    """Everything the instance keeps of a run of it."""
    with dg.DagsterInstance.ephemeral() as instance:
        ended = dg.materialize([breaks], instance=instance, raise_on_error=False)
        assert not ended.success
        return "\n".join(str(entry) for entry in instance.all_logs(ended.run_id))


def test_a_failed_step_keeps_its_error_without_the_secret() -> None:
    told = kept()
    assert SECRET not in told
    assert "ValueError: no logon with …" in told
    assert "https://x/Logon?…" in told
    assert "logging on with …" in told
    assert "raise ValueError" in told


def test_without_it_the_secret_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SerializableErrorInfo, "from_traceback", classmethod(room._as_dagster_tells))
    assert f"ValueError: no logon with {SECRET}" in kept()


def test_a_second_call_changes_nothing() -> None:
    before = SerializableErrorInfo.__dict__["from_traceback"].__func__
    clean_errors()
    assert SerializableErrorInfo.__dict__["from_traceback"].__func__ is before


def test_loading_the_definitions_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    from connector_defs.definitions import build_defs

    monkeypatch.setattr(SerializableErrorInfo, "from_traceback", classmethod(room._as_dagster_tells))
    build_defs()
    assert SECRET not in kept()
