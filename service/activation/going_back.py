"""To which generation a rollback goes: like undo, each one further back, and never to what was undone."""

from collections.abc import Iterable

from service.store.records import Activation

BEFORE_ALL = 0
"""The generation before the first activation: the bundle of the settings."""


def position(record: Activation, history: Iterable[Activation]) -> int:
    """Return the generation whose choice a record put in force: its own, or that which a rollback restored."""
    if record.action != "rollback":
        return record.generation
    if record.restores is not None:
        return record.restores
    # Of a rollback that did not say so: the last time before that its bundle was chosen.
    earlier = [found for found in history if found.generation < record.generation]
    for found in sorted(earlier, key=lambda found: -found.generation)[1:]:
        if found.bundle_id == record.bundle_id:
            return position(found, earlier)
    return record.generation


def generation_before(active: Activation, history: Iterable[Activation]) -> int | None:
    """Return the generation that was in force before the active one's choice, of another bundle.

    Args:
        active: the newest record.
        history: the records that can be read, in any order.

    Returns:
        The generation, ``BEFORE_ALL`` where nothing was activated before, None where the active one is that already.
    """
    records = {found.generation: found for found in history}
    place = position(active, records.values())
    if place == BEFORE_ALL:
        return None
    while place != BEFORE_ALL:
        earlier = max((generation for generation in records if generation < place), default=BEFORE_ALL)
        place = position(records[earlier], records.values()) if earlier else BEFORE_ALL
        if place in records and records[place].bundle_id != active.bundle_id:
            break
    return place
