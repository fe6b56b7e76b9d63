"""What a stored job survives, by what its server is set to."""

from dataclasses import dataclass

from workmill.store import Level
from workmill.stores.redis.address import Address
from workmill.stores.redis.setting import Setting

LOG = "CONFIG SET appendonly yes, CONFIG SET appendfsync always, and both in its configuration file"
ALWAYS = "CONFIG SET appendfsync always, and in its configuration file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """What is promised: in a sentence, how it bears on the promises, and what helps."""

    sentence: str
    level: Level
    remedy: str = ""


def durability(setting: Setting, address: Address) -> Durability:
    """Say what a returned enqueue survives."""
    said = _of_disk(setting, address)
    if not address.replicas:
        return said
    return Durability(
        sentence=f"{said.sentence} {address.replicas} of its replicas have it in memory.",
        level=said.level,
        remedy=said.remedy,
    )


def _of_disk(setting: Setting, address: Address) -> Durability:
    if setting.keeps_log is None:
        sentence = "The server does not tell this user whether it keeps its data on a disk."
        return Durability(sentence=sentence, level=Level.WARN, remedy="let this user ask for INFO and CONFIG GET")
    if not setting.keeps_log:
        return _of_snapshots(setting)
    if address.syncs or setting.syncs_log == "always":
        return Durability(
            sentence="A returned enqueue is on the server's disk: it survives a crash and a power cut.", level=Level.OK
        )
    bound = "half a minute" if setting.syncs_log == "no" else "two seconds"
    sentence = (
        f"A returned enqueue survives a crash of the server's process; a power cut loses up to about {bound} of them."
    )
    return Durability(sentence=sentence, level=Level.WARN, remedy=ALWAYS)


def _of_snapshots(setting: Setting) -> Durability:
    if setting.saves == "":
        sentence = "The server keeps nothing on a disk: a restart loses every job."
    else:
        sentence = "The server writes snapshots only: a crash loses all jobs stored since the last, minutes to an hour."
    return Durability(sentence=sentence, level=Level.FAIL, remedy=LOG)
