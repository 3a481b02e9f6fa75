"""A few short sequences of the model, always the same; `make proof` throws hundreds of long ones."""

from hypothesis import HealthCheck, settings

from connector_tests.proof.model import InvoiceModel


class TestInvoiceModel(InvoiceModel.TestCase):  # type: ignore[misc, valid-type]
    """Hypothesis makes the cases; a failing one prints the shortest sequence and how to repeat it."""

    settings = settings(
        max_examples=12,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
