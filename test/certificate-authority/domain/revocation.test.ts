import { expect, test } from "@jest/globals";
import { revocationViolation } from "../../../services/certificate-authority/domain/revocation.ts";
import { CREDENTIAL_ID_EXTRA } from "../../../services/shared/user-info.ts";
import { facts } from "../../builders/facts.ts";
import { FakeRevocationLookups } from "../../fakes/revocations.ts";

const FINGERPRINT = "ab".repeat(32);
const OTHER = "cd".repeat(32);
const SAID = facts();
const NODE = SAID.subject.commonName.slice("system:node:".length);

function lookups(): FakeRevocationLookups {
  const known = new FakeRevocationLookups();
  known.fingerprints.add(FINGERPRINT);
  known.nodes.add("lost");
  return known;
}

const shown = (...values: readonly string[]) => ({ extra: { [CREDENTIAL_ID_EXTRA]: values } });

test.each([
  { name: "nothing", requester: {}, reason: undefined },
  { name: "another certificate", requester: shown(`X509SHA256=${OTHER}`), reason: undefined },
  { name: "a token's id that looks like a fingerprint", requester: shown(`JTI=${FINGERPRINT}`), reason: undefined },
  { name: "a revoked certificate", requester: shown(`X509SHA256=${FINGERPRINT}`), reason: "RevokedCredential" },
  {
    name: "a revoked certificate, spelt in upper case",
    requester: shown(`x509sha256=${FINGERPRINT.toUpperCase()}`),
    reason: "RevokedCredential",
  },
  {
    name: "a revoked certificate behind another",
    requester: shown(`X509SHA256=${OTHER}`, `X509SHA256=${FINGERPRINT}`),
    reason: "RevokedCredential",
  },
  { name: "a quarantined node's name", requester: { username: "system:node:lost" }, reason: "NodeQuarantined" },
  { name: "a name that begins like it", requester: { username: "system:node:lost2" }, reason: undefined },
])("who shows $name: $reason", ({ requester, reason }) => {
  expect(revocationViolation(requester, SAID, lookups())?.reason).toBe(reason);
});

test("nobody gets a certificate for a quarantined node, whoever asks", () => {
  const known = lookups();
  known.nodes.add(NODE);
  const violation = revocationViolation({ username: "system:bootstrap:abcdef" }, SAID, known);
  expect(violation).toMatchObject({ reason: "NodeQuarantined", evidence: { node: NODE } });
});

test("a key that was revoked is certified for nobody", () => {
  const known = lookups();
  known.keys.add(SAID.spkiSha256);
  const { spkiSha256 } = SAID;
  expect(revocationViolation({}, SAID, known)).toMatchObject({ reason: "RevokedKey", evidence: { spkiSha256 } });
});
