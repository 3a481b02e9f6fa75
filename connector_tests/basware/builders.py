"""Builders for the Basware tests: a scripted API, invoices on the wire, and one sample of each request."""

import base64
import json
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr

from connector_defs.basware.client import BaswareClient
from connector_defs.basware.entities import (
    Account,
    AccountCompany,
    CostCenter,
    CostCenterCompany,
    Entity,
    FinancialAccountIdentifier,
    FinancialInstitution,
    GoodsReceipt,
    LanguageTranslation,
    Order,
    OrderLine,
    OrderLineCoding,
    OrderLineUser,
    PaymentResponse,
    PaymentTerm,
    PaymentTermCompany,
    PaymentTermDiscountRule,
    PrebookResponse,
    Subscription,
    TaxCode,
    TaxCodeCompany,
    TransferResponse,
    Vendor,
    VendorAddress,
    VendorAddressPart,
    VendorCompany,
    VendorContact,
    VendorFinancialAccounts,
    VendorIdentifier,
    VendorOrderingDetails,
    VendorPaymentMean,
    VendorPaymentTerm,
    VendorProcessingStatus,
)
from connector_defs.basware.oauth import TokenSource
from connector_defs.basware.regions import BaswareHosts
from connector_defs.basware.scopes import FLOW_SCOPES, scopes_of
from connector_defs.basware.transport import RetryPolicy

API = "https://api.basware.com"
TOKEN_URL = f"{API}/v1/tokens"
EU = BaswareHosts("EU")
SECRET = "s3cr3t-value"

Handler = Callable[[httpx.Request], httpx.Response]
Step = httpx.Response | Exception


def token_answer(value: str = "opaque", expires_in: object = 3600, **extra: object) -> httpx.Response:
    return httpx.Response(
        200, json={"access_token": value, "expires_in": expires_in, "token_type": "Bearer", **extra}
    )


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'at+jwt'})}.{part(claims)}.c2ln"


class Script:
    """Answers requests in the order given, remembers them, and serves tokens T1, T2, … on the side."""

    def __init__(self, *steps: Step) -> None:
        self.steps: list[Step] = list(steps)
        self.requests: list[httpx.Request] = []
        self.token_requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/tokens"):
            self.token_requests.append(request)
            return token_answer(f"T{len(self.token_requests)}")
        self.requests.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def tokens(handler: Handler, **options: Any) -> TokenSource:
    return TokenSource(
        options.pop("token_url", TOKEN_URL),
        "client-7",
        SecretStr(SECRET),
        options.pop("scopes", scopes_of(FLOW_SCOPES)),
        hosts=options.pop("hosts", EU),
        transport=httpx.MockTransport(handler),
        **options,
    )


def client(handler: Handler, **options: Any) -> BaswareClient:
    options.setdefault("sleep", lambda _: None)
    options.setdefault("retry", RetryPolicy(base_seconds=1, max_seconds=8, attempts=3))
    hosts = options.pop("hosts", EU)
    api_url = options.pop("api_url", API)
    return BaswareClient(
        api_url,
        tokens(
            handler,
            hosts=hosts,
            token_url=f"{api_url}/v1/tokens",
            scopes=options.pop("scopes", scopes_of(FLOW_SCOPES)),
        ),
        hosts=hosts,
        transport=httpx.MockTransport(handler),
        **options,
    )


def invoice(**fields: object) -> dict[str, object]:
    return {
        "invoiceId": "inv-1",
        "processingStatus": "WaitingForTransfer",
        "companyCode": "1000",
        "supplierCode": "000123",
        "currencyCode": "EUR",
        "paymentBlock": False,
        **fields,
    }


def page(*documents: object, continuation: str | None = None) -> httpx.Response:
    headers = {} if continuation is None else {"x-amz-meta-continuationtoken": continuation}
    return httpx.Response(200, json={"accountingDocuments": documents}, headers=headers)


def raw_page(*documents: str) -> bytes:
    return ('{"accountingDocuments": [' + ", ".join(documents) + "]}").encode()


def _names() -> tuple[LanguageTranslation, ...]:
    return (LanguageTranslation(language="en-US", translation="Office supplies"),)


def samples() -> Iterable[tuple[str, Entity]]:
    """One well-filled sample per request schema, by the schema's name."""
    receipt = GoodsReceipt(
        external_code="r-1",
        goods_receipt_number="GRN 1",
        goods_receipt_line_number="1",
        reference_gr_external_code="r-0",
        quantity=Decimal("-2.5"),
        net_sum=Decimal("-25.00"),
        delivery_date=date(2026, 1, 31),
        is_deleted=False,
    )
    coding = OrderLineCoding(
        external_code="c-1", row_index=0, allocated_quantity=Decimal(1), account_code="1000", dim_code1="A"
    )
    return (
        (
            "VendorEntity",
            Vendor(
                external_code="v-1",
                vendor_code="000123",
                name="Müller & Söhne",
                companies=(VendorCompany(company_code="1000", inherit_to_child_units=True),),
                identifiers=(VendorIdentifier(id="DE123", scheme_id="VAT"),),
                addresses=(
                    VendorAddress(
                        external_code="a-1",
                        name="Main",
                        address_type="PostalAddress",
                        country_id="DE",
                        default=True,
                        additional_address_fields=(VendorAddressPart(key="Floor", value="3"),),
                    ),
                ),
                contacts=(VendorContact(name="Eva", email="eva@example.com", role="PrimaryContact"),),
                payment_means=(
                    VendorPaymentMean(
                        payment_means_code="30",
                        currency_code="EUR",
                        default=True,
                        financial_accounts=(
                            VendorFinancialAccounts(
                                financial_institution=FinancialInstitution(name="B", id="X", scheme_id="BIC"),
                                financial_account_identifiers=(
                                    FinancialAccountIdentifier(scheme_id="IBAN", id="DE02120300000000202051"),
                                ),
                            ),
                        ),
                    ),
                ),
                payment_terms=VendorPaymentTerm(payment_term_code="30"),
                ordering_details=VendorOrderingDetails(ordering_format="none", order_email="a@b.example"),
                processing_status=VendorProcessingStatus(active=True, payment_denied=False),
            ),
        ),
        (
            "AccountEntity",
            Account(
                external_code="a-1",
                account_code="1000",
                account_names=_names(),
                companies=(AccountCompany(company_code="1000", inherit=False, active=True),),
                tax_code="A",
            ),
        ),
        (
            "CostCenterEntity",
            CostCenter(
                external_code="c-1",
                cost_center_code="10",
                cost_center_names=_names(),
                companies=(CostCenterCompany(company_code="1000", active=True),),
                date1=date(2026, 1, 31),
                int1=-5,
            ),
        ),
        (
            "PaymentTermEntity",
            PaymentTerm(
                external_code="p-1",
                payment_term_code="30",
                payment_term_names=_names(),
                valid_from=date(2000, 1, 1),
                valid_to="2099-12-31T00:00:00Z",
                due_date_calc=1,
                due_date_days=30,
                move_due_dates_to="0",
                cash_due_date_calc=2,
                cash_discount=Decimal("2.5"),
                companies=(PaymentTermCompany(company_code="1000", inherit=False, active=True),),
                payment_term_discount_rules=(
                    PaymentTermDiscountRule(
                        external_code="d-1", active=True, discount_days=10, discount_percent=Decimal(2)
                    ),
                ),
            ),
        ),
        (
            "TaxCodeEntity",
            TaxCode(
                external_code="t-1",
                tax_code="A",
                tax_code_names=_names(),
                tax_percentage=Decimal("19.00"),
                companies=(TaxCodeCompany(company_code="1000", inherit=False, active=True),),
            ),
        ),
        (
            "OrderEntity",
            Order(
                external_code="o-1",
                order_number="PO 1",
                source_system="SYSPRO",
                company_code="1000",
                organization_element_code="1000",
                supplier_code="000123",
                currency_code="EUR",
                created=date(2026, 1, 31),
                is_closed=False,
                numeric1=Decimal("1.5"),
            ),
        ),
        (
            "OrderLineEntity",
            OrderLine(
                external_code="l-1",
                order_external_code="o-1",
                line_number="1",
                quantity=Decimal("10.000"),
                net_price=Decimal("12.34500"),
                matching_mode="Standard",
                is_deleted=False,
                order_line_coding=(coding,),
                goods_receipts=(receipt,),
                reference_users=(OrderLineUser(user_email="eva@example.com", user_role="Buyer"),),
            ),
        ),
        ("OrderLineCodingEntity", coding),
        ("GoodsReceiptEntity", receipt),
        (
            "TransferResponseEntity",
            TransferResponse(
                external_code="x-1",
                success=True,
                response_message="Posted",
                payment_block=False,
                source_system="SYSPRO",
                voucher_number1="2026-01-00042",
                transfer_date=date(2026, 1, 31),
            ),
        ),
        (
            "PrebookResponseEntity",
            PrebookResponse(external_code="x-1", success=False, response_message="No", payment_block=True),
        ),
        (
            "PaymentResponseEntity",
            PaymentResponse(
                external_code="x-1", success=True, payment_block=False, paid_total=Decimal("100.10")
            ),
        ),
        (
            "Subscription-Input",
            Subscription(
                task_type="AccountingDocuments",
                task_sub_type="WaitingForTransfer",
                subscription_type="Webhook",
                notification_webhook_url="https://connector.example/webhooks/basware",
                webhook_authentication_token="0123456789",
            ),
        ),
    )
