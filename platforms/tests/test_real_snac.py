"""Facts of the real snac that our clients build on: they must not change without us noticing."""

from platforms.tests.snac import RealSnac


def test_a_revoked_token_is_answered_with_422_and_nothing_else(real_snac: RealSnac) -> None:
    token = real_snac.issue_token()
    real_snac.revoke(token)
    answer = real_snac.send("GET", "/api/v1/accounts/verify_credentials", token=token)
    assert (answer.status_code, answer.text) == (422, "")
