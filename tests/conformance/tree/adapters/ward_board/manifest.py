"""What the ward board's adapter declares about itself. Data only."""

from gateway.port import Capacity, Manifest, Operation, OperationKind, ReadOperation

manifest = Manifest(
    name="ward_board",
    title="Ward board",
    title_vi="Bảng điện tử của phường",
    contract="ward_board 1.0",
    operations=(
        Operation(
            name="card",
            kind=OperationKind.SNAPSHOT,  # a newer card makes an unsent older one pointless
            title="Show or replace a dossier's card",
            source="ward_board §3",
            repeatable=True,  # §3: the same card again replaces itself
            queryable=True,
        ),
        Operation(
            name="line",
            kind=OperationKind.EVENT,  # every line must arrive, once
            title="Add lines to a card",
            source="ward_board §4",
            batch=5,
            queryable=True,  # §5 lists the lines of a card; adding one twice shows it twice
        ),
    ),
    reads=(
        ReadOperation(
            name="procedures", title="Procedures the board knows", source="ward_board §6", catalogue=True
        ),
    ),
    secret_fields=("session", "password"),
    capacity=Capacity(concurrency=2, read_timeout=20.0),
)
