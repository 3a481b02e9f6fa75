"""requestStatus and errorFeedbacks as operations over `processing` (wire notes 2.13 to 2.15)."""

from collections.abc import Iterator

from connector_defs.sandbox.basware.answer import Answer, BadRequest, Call, Problem, ok, refuse
from connector_defs.sandbox.basware.paging import Pages
from connector_defs.sandbox.basware.processing import Processing, Request
from connector_defs.sandbox.basware.schema import NotJson, Record, check_one, encode


class StatusDesk:
    """Answers what became of requests. Not thread-safe: the caller holds the sandbox's lock."""

    def __init__(self, processing: Processing, pages: Pages) -> None:
        self._processing = processing
        self._pages = pages

    def get(self, call: Call) -> Answer:
        """One request in the list wrapper, or 404."""
        self._processing.advance()
        request = self._processing.requests.get(call.params["requestId"])
        if request is None or not request.known or call.query.get("system", "P2P") != "P2P":
            return Answer(404)
        view = self._processing.view(request, without_successful=call.flag("ignoreSuccessfulItems"))
        return ok({"requestStatus": [view]})

    def list(self, call: Call) -> Answer:
        """One page of requests; only failed ones unless narrowed by status, entityType or system."""
        self._processing.advance()
        page, headers = self._pages.cut(call, self._matching(call), call.page_size(500, 500))
        return ok({"requestStatus": page}, **headers) if page else Answer(404)

    def close(self, call: Call) -> Answer:
        """Acknowledge requests: 404 for an unknown one, 405 for one that was acknowledged or is in progress."""
        self._processing.advance()
        try:
            body, violations = check_one("ProcessingStatusGetBatchRequest", call.body)
        except NotJson as error:
            return refuse(400, call, [Problem("SCHEMA_VALIDATION_ERROR", str(error))])
        if violations or not body.get("requestIds"):
            return refuse(400, call, [Problem("SCHEMA_VALIDATION_ERROR", "requestIds must name requests")])
        requests = [self._processing.requests.get(request_id) for request_id in body["requestIds"]]
        known = [request for request in requests if request]
        if len(known) < len(requests):
            return Answer(404)
        closed = [each for each in known if each.acknowledged or not each.done]
        if closed:
            message = "the request was already acknowledged or is in progress"
            return refuse(
                405, call, [Problem("METHOD_NOT_ALLOWED", message, each.request_id) for each in closed]
            )
        for each in known:
            each.acknowledged = True
        return Answer(200, encode("Acknowledged"))

    def feedback(self, call: Call) -> Answer:
        """Errors by time, by request, or by entity and externalCode; 404 when there is none."""
        self._processing.advance()
        page, headers = self._pages.cut(call, enumerate(self._errors(call)), call.page_size(500, 500))
        return ok({"errorList": page}, **headers) if page else Answer(404)

    def _errors(self, call: Call) -> Iterator[Record]:
        after = call.updated_after()
        entity_type = call.params.get("entityType", call.query.get("entityType"))
        for request, error in self._processing.feedback():
            if (
                call.params.get("requestId", request.request_id) == request.request_id
                and call.params.get("externalCode", error["externalCode"]) == error["externalCode"]
                and entity_type in (None, request.entity_type)
                and call.query.get("targetSystem", "P2P") == "P2P"
                and (after is None or request.last_updated > after)
            ):
                yield error

    def _matching(self, call: Call) -> Iterator[tuple[int, Record]]:
        narrowed = "entityType" in call.query or "system" in call.query
        status = call.query.get("status", None if narrowed else "Error")
        if status not in (None, "InProgress", "Success", "Error", "AcknowledgedSuccess", "AcknowledgedError"):
            raise BadRequest(f"unknown status {status}")
        # The list spells this flag with a double l, the single GET does not.
        terse = call.flag("ignoreSuccessfullItems")
        for position, request in enumerate(self._processing.requests.values()):
            if self._fits(call, request, status):
                yield position, self._processing.view(request, without_successful=terse)

    def _fits(self, call: Call, request: Request, status: str | None) -> bool:
        after = call.updated_after()
        return (
            request.known
            and status in (None, request.status)
            and call.query.get("entityType", request.entity_type) == request.entity_type
            and call.query.get("system", "P2P") == "P2P"
            and (after is None or request.last_updated > after)
        )
