"""A proof of one message stays under 2 KB at ten million entries, with two witnesses on its checkpoint."""

import base64

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.messagelog.proofs import EntryProof
from gateway.proof import merkle
from gateway.proof.lienthong_verify import read_checkpoint
from gateway.proof.note import Signer, checkpoint_text, signed
from tests.evidence.world import START

ENTRIES = 10_000_000


def test_proof_is_small():
    def nodes(_height, _index, count):
        return b"\7" * 32 * count

    def private(number):
        return Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))

    before = read_checkpoint(checkpoint_text("log.h99.example", 9, b"\1" * 32, at=START))
    text = checkpoint_text("log.h99.example", ENTRIES, b"\7" * 32, at=START, previous=before)
    witnesses = [Signer.of_witness(f"witness-{n}.h99.example", private(n)) for n in (1, 2)]
    note = signed(text, Signer.of_log("log.h99.example", private(3)), *witnesses, at=START)
    sizes = []
    for index in (0, 1, ENTRIES // 3, ENTRIES - 2, ENTRIES - 1):
        proof = merkle.inclusion(index, ENTRIES, nodes)
        made = EntryProof(
            entry=str(2**62),
            index=index,
            size=ENTRIES,
            leaf=base64.b64encode(b"\7" * 32).decode(),
            proof=[base64.b64encode(each).decode() for each in proof],
            checkpoint=note.decode(),
        )
        sizes.append(len(msgspec.json.encode(made)))
    assert 1000 < max(sizes) <= 2048, sizes
