"""The reference adapter, of a board that never calls: it is asked what became of a card, and lists what has changed."""

from adapters.ward_board import Settings, manifest
from adapters.ward_board.adapter import WardBoard, _told
from adapters.ward_board.simulator import BoardSimulator, _answer
from gateway.codec import canonical
from gateway.port import CannotRead, FeedChange, FeedPage, Progress, ProgressReport, Schedule
from mappings.ward_board import read_answer

PAGE = 2


class AskedBoard(WardBoard):
    progress_schedule = Schedule()
    feed_interval = 300.0

    def encode_progress(self, dossier, context):
        return self._call("look_up", {"number": context.memory.get("partner_code", dossier)}, context)

    def interpret_progress(self, dossier, response, context):
        fields = self.fields_of(response, "cards", list)
        if isinstance(fields, CannotRead):
            return fields
        number = context.memory.get("partner_code", dossier)
        cards = [each for each in fields["cards"] if isinstance(each, dict) and each.get("SoHoSo") == number]
        lines = cards[0].get("lines") if cards else []
        return Progress(reports=tuple(map(self.report, lines))) if _all_text(lines) else unreadable()

    def report(self, name):
        said = _told(name)
        return ProgressReport(
            key=f"line:{said}", kind="ward_board.line", title=said, data=canonical.encode({"line": said})
        )

    def encode_feed(self, cursor, context):
        return self._call("changes", {"since": cursor}, context)

    def interpret_feed(self, cursor, response, context):
        fields = self.fields_of(response, "rows", list)
        if isinstance(fields, CannotRead):
            return fields
        upto, more = fields.get("upto"), fields.get("more")
        if not (_all_text(fields["rows"]) and all(fields["rows"]) and isinstance(upto, str)):
            return unreadable()
        changes = tuple(FeedChange(dossier=_told(each) or "-") for each in fields["rows"])
        return FeedPage(changes=changes, cursor=_told(upto), more=more is True)

    def encode_acknowledgement(self, page, context):
        return self._call("seen", {"upto": page.cursor}, context)

    def interpret_acknowledgement(self, page, response, context):
        fields = self.fields_of(response, "code", str)
        return fields if isinstance(fields, CannotRead) else None

    def fields_of(self, response, name, kind):
        answer, fields = read_answer(response)
        if self._meaning.classify(answer).verdict == "accepted" and isinstance(fields.get(name), kind):
            return fields
        renew = ("session",) if answer.code == "session" else ()
        return CannotRead(code=_told(answer.code) or answer.shape, reason=_told(answer.message), renew=renew)


class AskedSimulator(BoardSimulator):
    """The board with a list of changes and a word of thanks."""

    def __init__(self, settings):
        super().__init__(settings)
        self._services |= {"changes": self.changes, "seen": lambda told: _answer("seen", "ok")}

    def changes(self, told):
        rest = sorted(each for each in self._cards if each > str(told.get("since")))
        page = rest[:PAGE]
        upto = page[-1] if page else str(told.get("since"))
        return _answer("changes", "ok", rows=page, upto=upto, more=len(rest) > PAGE)


def unreadable():
    return CannotRead(code="shape", reason="not as agreed")


def _all_text(rows):
    return isinstance(rows, list) and all(isinstance(each, str) for each in rows)


def build(settings):
    return AskedBoard(settings)


def simulate(settings):
    return AskedSimulator(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
