"""Bank accounts as people type them: IBANs are checked, other numbers are taken as they are, none is shown."""

import pytest

from connector_defs.domain.bank_accounts import AccountFlaw, bank_account, masked, without_ibans

# Examples of the IBAN registry.
IBANS = [
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "CH9300762011623852957",
]


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_is_known_by_its_check_digits_however_it_is_typed(iban: str) -> None:
    blanks = " ".join(iban[place : place + 4] for place in range(0, len(iban), 4))
    for typed in (iban, blanks, iban.lower(), f" {iban[:4]}-{iban[4:]} "):
        account = bank_account(typed, "", None)
        assert account is not None
        assert (account.scheme, account.number) == ("IBAN", iban)


@pytest.mark.parametrize("iban", IBANS)
def test_one_wrong_digit_or_a_missing_one_is_no_account_at_all(iban: str) -> None:
    other = "1" if iban[-2] != "1" else "2"
    for wrong in (iban[:-2] + other + iban[-1], iban[:-1], iban + "0"):
        with pytest.raises(AccountFlaw) as flaw:
            bank_account(wrong, "", "DE")
        assert wrong[4:] not in str(flaw.value)


@pytest.mark.parametrize("typed", ["62-001-234", "1234567890", "ZA12 not one", "QQ12345678901234"])
def test_what_no_iban_country_begins_is_another_number(typed: str) -> None:
    account = bank_account(typed, "250655", "ZA")
    assert account is not None
    assert (account.scheme, account.number) == ("BBAN", "".join(typed.split()))
    assert (account.bic, account.branch) == (None, "250655")


@pytest.mark.parametrize(
    ("number", "branch", "country", "bic"),
    [
        ("DE89370400440532013000", "COBADEFFXXX", None, "COBADEFFXXX"),
        ("DE89370400440532013000", "coba de ff", None, "COBADEFF"),
        ("DE89370400440532013000", "BARCGB22", None, None),
        ("1234567890", "FIRNZAJJ", "ZA", "FIRNZAJJ"),
        ("1234567890", "BARCLAYS", "GB", None),
        ("1234567890", "FIRNZAJJ", None, None),
    ],
)
def test_a_branch_is_a_bic_where_its_country_is_the_accounts(
    number: str, branch: str, country: str | None, bic: str | None
) -> None:
    account = bank_account(number, branch, country)
    assert account is not None
    assert account.bic == bic
    assert account.branch == ("" if bic else branch)


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_is_no_account(blank: str) -> None:
    assert bank_account(blank, "250655", "ZA") is None


@pytest.mark.parametrize("number", ["1" * 33, "none", "-"])
def test_what_cannot_be_an_account_is_refused(number: str) -> None:
    with pytest.raises(AccountFlaw):
        bank_account(number, "", "ZA")


def test_an_account_is_never_shown() -> None:
    account = bank_account(IBANS[0], "COBADEFFXXX", None)
    assert repr(account) == "BankAccount(scheme='IBAN')"


def test_an_iban_is_masked_as_a_whole_where_one_of_its_groups_looks_like_a_beginning() -> None:
    digits = "".join(str(int(sign, 36)) for sign in "DE1234567890123456" + "GB00")
    iban = f"GB{98 - int(digits) % 97:02}DE1234567890123456"
    grouped = " ".join(iban[place : place + 4] for place in range(0, len(iban), 4))
    assert without_ibans(f"{grouped}; {iban}") == "…3456; …3456"


@pytest.mark.parametrize(("number", "shown"), [("DE89 3704-0044", "…0044"), ("12345678", "…78"), ("1", "…1")])
def test_of_a_masked_number_the_end_is_left(number: str, shown: str) -> None:
    assert masked(number) == shown
