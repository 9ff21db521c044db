import { expect, test } from "@jest/globals";
import type { CsrSpec } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import {
  type ConfiguredSigners,
  NO_CONFIGURED_SIGNERS,
} from "../../../services/certificate-authority/domain/configured-signer.ts";
import { pathSegmentProblem } from "../../../services/certificate-authority/domain/name-rules.ts";
import {
  isPodRecord,
  placeOf,
  podRecordName,
  recordedFacts,
  requesterOfPod,
} from "../../../services/certificate-authority/domain/pod-certificate.ts";
import { chooseValidity } from "../../../services/certificate-authority/domain/validity.ts";
import { facts } from "../../builders/facts.ts";

const SIGNER = "example.com/pods";
const POD = { namespace: "shop", pod: "web-0", podUid: "uid-1", serviceAccount: "web", node: "worker" };
const NAMES = {
  commonName: "{serviceAccount}.{namespace}",
  dnsNames: ["{pod}.{namespace}.pods", "{podUid}.{pod}.{pod}"],
  uris: ["spiffe://example.com/node/{node}"],
  usages: ["client auth"],
};
const SIGNERS = new Map([[SIGNER, { signerName: SIGNER, pods: NAMES }]]) as unknown as ConfiguredSigners;
const { username, groups, extra } = requesterOfPod(POD, { serviceAccount: "uid-2", node: "uid-3" });
const SPEC: CsrSpec = { ...{ request: "", signerName: SIGNER, usages: NAMES.usages, username, groups }, extra };
const RECORD = podRecordName({ namespace: "shop", name: "req-abcde" });

test("what is certified for a pod is what its signer says of it, whatever its request says", () => {
  const asked = facts({ sans: { dnsNames: ["kubernetes.default"], ipAddresses: ["10.0.0.1"] } });
  const certified = recordedFacts(RECORD, SPEC, asked, SIGNERS);
  expect(certified).toMatchObject({ spkiSha256: asked.spkiSha256, key: asked.key });
  expect(certified.subject).toMatchObject({ commonName: "web.shop", organization: [] });
  expect(certified.sans).toEqual({
    dnsNames: ["web-0.shop.pods", "uid-1.web-0.web-0"],
    uris: ["spiffe://example.com/node/worker"],
    ...{ emailAddresses: [], ipAddresses: [] },
  });
});

test("of a signer that serves no pods any more nothing that the request says is taken", () => {
  const { subject, sans } = recordedFacts(RECORD, SPEC, facts(), NO_CONFIGURED_SIGNERS);
  expect([...Object.values(subject), ...Object.values(sans)].every((value) => value.length === 0)).toBe(true);
});

test("a CertificateSigningRequest says itself what it asks for, also one that a pod made", () => {
  const asked = facts();
  expect(recordedFacts("req-abcde", SPEC, asked, SIGNERS)).toBe(asked);
});

test("a record that names no pod is not certified", () => {
  const nobody = { ...SPEC, username: "system:serviceaccount:shop" };
  expect(() => recordedFacts(RECORD, nobody, facts(), SIGNERS)).toThrow("names no pod");
  expect(() => recordedFacts(RECORD, { ...SPEC, extra: {} }, facts(), SIGNERS)).toThrow("names no pod");
});

test("no CertificateSigningRequest can be called as the record of a pod's request", () => {
  expect(isPodRecord(RECORD)).toBe(true);
  expect(placeOf(RECORD)).toEqual({ namespace: "shop", name: "req-abcde" });
  expect(pathSegmentProblem(RECORD, false)).toBeDefined();
});

const NOW = new Date("2026-01-01T00:00:00.900Z");
test.each([
  {
    name: "what is asked for is the whole of it",
    requested: 3600,
    maximum: 86_400,
    notAfter: "2026-01-01T00:59:00.000Z",
  },
  { name: "the maximum beats it", requested: 86_400, maximum: 7200, notAfter: "2026-01-01T01:59:00.000Z" },
  { name: "a day is no more than a day", requested: 86_400, maximum: 90_000, notAfter: "2026-01-01T23:59:00.000Z" },
  { name: "it ends with its issuer", requested: 604_800, maximum: 604_800, notAfter: "2026-01-02T00:00:00.000Z" },
])("a pod's certificate begins a minute ago, and $name", ({ requested, maximum, notAfter }) => {
  const issuerNotAfter = new Date("2026-01-02T00:00:00Z");
  const limits = { maximumSeconds: maximum, issuerNotAfter, isForPod: true };
  const validity = chooseValidity(requested, limits, NOW);
  expect(validity.notBefore.toISOString()).toBe("2025-12-31T23:59:00.000Z");
  expect(validity.notAfter.toISOString()).toBe(notAfter);
});

test.each([
  { left: "00:59:00", isEnough: true },
  { left: "00:58:59", isEnough: false },
])("an issuer that lives until $left is enough for a pod's hour: $isEnough", ({ left, isEnough }) => {
  const limits = { maximumSeconds: 7200, issuerNotAfter: new Date(`2026-01-01T${left}Z`), isForPod: true };
  const choose = () => chooseValidity(7200, limits, NOW);
  if (isEnough) expect(choose().notAfter.toISOString()).toBe("2026-01-01T00:59:00.000Z");
  else expect(choose).toThrow("expires within the hour");
});
