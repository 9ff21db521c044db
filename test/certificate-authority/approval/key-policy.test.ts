import { expect, test } from "@jest/globals";
import { keyPolicyHook } from "../../../services/certificate-authority/approval/hooks/key-policy.ts";
import { createKeyPolicy } from "../../../services/certificate-authority/approval/key-policy.ts";
import type { CsrFacts } from "../../../services/certificate-authority/domain/csr-facts.ts";
import type { KeyPolicySettings } from "../../../services/certificate-authority/domain/key-policy.ts";
import type { KeyPolicy } from "../../../services/certificate-authority/domain/ports.ts";
import { facts, rsaKind } from "../../builders/facts.ts";
import { request } from "../../builders/request.ts";
import { reviewInput } from "../../fakes/review-history.ts";

const SPKI = facts().spkiSha256;
const NOW = new Date("2026-01-01T00:00:00Z");

interface PolicyArguments {
  readonly settings?: Partial<KeyPolicySettings>;
  readonly blocked?: readonly string[];
  readonly debianWeak?: readonly string[];
  /** Nodes that the key of `facts()` was certified for. */
  readonly nodes?: readonly string[];
}

function policy({ settings, blocked = [], debianWeak = [], nodes = [] }: PolicyArguments = {}): KeyPolicy {
  return createKeyPolicy({
    settings: { minimumRsaBits: 2048, curves: ["P-256"], mlDsa: [], allowKeyReuseAcrossNodes: false, ...settings },
    lists: { isBlocked: (spki) => blocked.includes(spki), isDebianWeak: (digest) => debianWeak.includes(digest) },
    certificates: {
      otherNodeOfKey: (spki, nodeName) => (spki === SPKI ? nodes.find((node) => node !== nodeName) : undefined),
    },
  });
}

const rsa = (overrides: Parameters<typeof rsaKind>[0] = {}): CsrFacts => ({ ...facts(), key: rsaKind(overrides) });
const person = facts({ subject: { commonName: "jane", organization: ["developers"] } });

test.each<{ name: string; args: PolicyArguments; of?: CsrFacts; reason: string | undefined }>([
  { name: "a new key", args: {}, reason: undefined },
  { name: "the key of the same node", args: { nodes: ["worker-1"] }, reason: undefined },
  { name: "the key of another node", args: { nodes: ["worker-2"] }, reason: "KeyOfAnotherNode" },
  { name: "a key of this node and another", args: { nodes: ["worker-1", "worker-2"] }, reason: "KeyOfAnotherNode" },
  { name: "a node's key for a person", args: { nodes: ["worker-1"] }, of: person, reason: "KeyOfAnotherNode" },
  { name: "a person's own key", args: {}, of: person, reason: undefined },
  {
    name: "the key of another node where that is allowed",
    args: { nodes: ["worker-2"], settings: { allowKeyReuseAcrossNodes: true } },
    reason: undefined,
  },
  { name: "a blocked key", args: { blocked: [SPKI], nodes: ["worker-2"] }, reason: "BlockedKey" },
  {
    name: "a blocked key is not let through by anything",
    args: { blocked: [SPKI], settings: { allowKeyReuseAcrossNodes: true, minimumRsaBits: 1024 } },
    of: rsa({ bits: 1024 }),
    reason: "BlockedKey",
  },
  { name: "another key is blocked", args: { blocked: ["cd".repeat(32)] }, reason: undefined },
  { name: "a Debian-weak key", args: { debianWeak: [rsaKind().modulusSha1] }, of: rsa(), reason: "WeakKey" },
  { name: "an ordinary RSA key", args: { debianWeak: ["00".repeat(20)] }, of: rsa(), reason: undefined },
  { name: "a weak key", args: {}, of: rsa({ bits: 2047 }), reason: "WeakKey" },
])("$name: $reason", ({ args, of = facts(), reason }) => {
  expect(policy(args).violation(of)?.reason).toBe(reason);
});

test("the evidence says whose key it was and who asks", () => {
  expect(policy({ nodes: ["worker-2"] }).violation(facts())).toEqual({
    reason: "KeyOfAnotherNode",
    message: 'the key was certified for node "worker-2" before; make a new one',
    evidence: { spkiSha256: SPKI, requestedNode: "worker-1", certifiedNode: "worker-2" },
  });
});

const conflict = expect.objectContaining({ reason: "Conflict" });
const ofWorker2 = facts({ subject: { commonName: "system:node:worker-2" } });

test("a key is reserved for one subject at a time, for as long as anybody of it needs", () => {
  const keys = policy();
  const first = keys.reserve(facts());
  const second = keys.reserve(facts());
  expect(() => keys.reserve(ofWorker2)).toThrow(conflict);
  expect(() => keys.reserve(person)).toThrow(conflict);
  first();
  expect(() => keys.reserve(ofWorker2)).toThrow(conflict);
  keys.reserve({ ...ofWorker2, spkiSha256: "cd".repeat(32) })();
  second();
  keys.reserve(ofWorker2)();
  keys.reserve(person)();
});

test("where keys may be shared nothing is reserved", () => {
  const keys = policy({ settings: { allowKeyReuseAcrossNodes: true } });
  keys.reserve(facts());
  keys.reserve(ofWorker2);
});

test.each([
  { name: "a good key", args: {}, signerName: undefined, kind: "noOpinion", reason: "KeyAcceptable" },
  { name: "a bad key", args: { blocked: [SPKI] }, signerName: undefined, kind: "denied", reason: "BlockedKey" },
  {
    name: "a bad key for a signer that is not ours",
    args: { blocked: [SPKI] },
    signerName: "example.com/other",
    kind: "noOpinion",
    reason: "ForeignSigner",
  },
])("the hook on $name: $reason", async ({ args, signerName, kind, reason }) => {
  const csr = request(signerName === undefined ? {} : { spec: { signerName } });
  expect(await keyPolicyHook(policy(args)).review(reviewInput({ csr, facts: facts(), now: NOW }))).toMatchObject({
    kind,
    reason,
  });
});
