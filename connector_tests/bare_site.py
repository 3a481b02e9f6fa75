"""A site's settings without a single secret, for tests of where secrets come from. Nobody listens at its addresses."""

PLAIN = {
    "SYSPRO_ENET_URL": "http://127.0.0.1:9/Rest",
    "SYSPRO_ODATA_URL": "http://127.0.0.1:9/odata",
    "SYSPRO_ODATA_USERNAME": "reader",
    "SYSPRO_OPERATOR": "INTEG",
    "SYSPRO_COMPANY_ID": "M1",
    "BASWARE_COMPANY_CODE": "1000",
    "BASWARE_REGION": "SANDBOX",
    "BASWARE_API_URL": "http://127.0.0.1:9",
    "BASWARE_TOKEN_URL": "http://127.0.0.1:9/v1/tokens",
    "BASWARE_CLIENT_ID": "client",
}
# Without any of these nothing starts.
REQUIRED = ("SYSPRO_ODATA_PASSWORD", "SYSPRO_OPERATOR_PASSWORD", "BASWARE_CLIENT_SECRET")
