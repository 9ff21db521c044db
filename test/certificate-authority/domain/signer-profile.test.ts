import { expect, test } from "@jest/globals";
import { boundNodeViolation } from "../../../services/certificate-authority/domain/admission.ts";
import { judgeSigning } from "../../../services/certificate-authority/domain/intent.ts";
import { KNOWN_USAGES } from "../../../services/certificate-authority/domain/key-usages.ts";
import { recogniseKubeletClient } from "../../../services/certificate-authority/domain/kubelet-client.ts";
import {
  isOurSigner,
  type OurSigner,
  profileViolation,
} from "../../../services/certificate-authority/domain/signer-profile.ts";
import { BOUND_NODE_EXTRA } from "../../../services/shared/user-info.ts";
import { type FactsArguments, facts } from "../../builders/facts.ts";
import { CLIENT, CLIENT_KUBELET, SERVING_KUBELET } from "../../builders/request.ts";

const DIGITAL = "digital signature";
const ENCIPHER = "key encipherment";
const CLIENT_AUTH = "client auth";
const SERVER_AUTH = "server auth";
const CLIENT_USAGES = [DIGITAL, CLIENT_AUTH];
const SERVER_USAGES = [DIGITAL, SERVER_AUTH];
const DNS: FactsArguments = { sans: { dnsNames: ["worker-1"] } };
const IP: FactsArguments = { sans: { ipAddresses: ["10.0.0.1"] } };
const ANYTHING: FactsArguments = {
  subject: { commonName: "", organization: ["a", "b"] },
  sans: { dnsNames: ["a"], emailAddresses: ["a@b"], ipAddresses: ["::1"], uris: ["a:b"] },
};

const LEGACY = "kubernetes.io/legacy-unknown";

interface Row {
  readonly name: string;
  readonly signer: OurSigner;
  readonly facts: FactsArguments;
  readonly usages: readonly string[];
  /** A word of the rule that is named first; undefined when the request conforms. */
  readonly rule: string | undefined;
}

const organization = (...values: readonly string[]): FactsArguments => ({ subject: { organization: values } });
const commonName = (value: string): FactsArguments => ({ subject: { commonName: value } });

test.each<Row>([
  { name: "any subject and names", signer: CLIENT, facts: ANYTHING, usages: [CLIENT_AUTH], rule: undefined },
  { name: "all key purposes", signer: CLIENT, facts: {}, usages: [ENCIPHER, CLIENT_AUTH, DIGITAL], rule: undefined },
  { name: "no client auth", signer: CLIENT, facts: {}, usages: [DIGITAL], rule: "usages" },
  { name: "server auth too", signer: CLIENT, facts: {}, usages: [CLIENT_AUTH, SERVER_AUTH], rule: "usages" },
  { name: "signing is another word", signer: CLIENT, facts: {}, usages: [CLIENT_AUTH, "signing"], rule: "usages" },

  { name: "as an EC kubelet asks", signer: CLIENT_KUBELET, facts: {}, usages: CLIENT_USAGES, rule: undefined },
  {
    name: "as an RSA kubelet asks",
    signer: CLIENT_KUBELET,
    facts: {},
    usages: [...CLIENT_USAGES, ENCIPHER],
    rule: undefined,
  },
  {
    name: "in another order",
    signer: CLIENT_KUBELET,
    facts: {},
    usages: [ENCIPHER, CLIENT_AUTH, DIGITAL],
    rule: undefined,
  },
  {
    name: "the bare prefix",
    signer: CLIENT_KUBELET,
    facts: commonName("system:node:"),
    usages: CLIENT_USAGES,
    rule: undefined,
  },
  { name: "no O", signer: CLIENT_KUBELET, facts: organization(), usages: CLIENT_USAGES, rule: "organization" },
  { name: "another O", signer: CLIENT_KUBELET, facts: organization("x"), usages: CLIENT_USAGES, rule: "organization" },
  {
    name: "O twice",
    signer: CLIENT_KUBELET,
    facts: organization("system:nodes", "system:nodes"),
    usages: CLIENT_USAGES,
    rule: "organization",
  },
  {
    name: "O among others",
    signer: CLIENT_KUBELET,
    facts: organization("system:nodes", "system:masters"),
    usages: CLIENT_USAGES,
    rule: "organization",
  },
  { name: "a DNS name", signer: CLIENT_KUBELET, facts: DNS, usages: CLIENT_USAGES, rule: "DNS" },
  {
    name: "an e-mail address",
    signer: CLIENT_KUBELET,
    facts: { sans: { emailAddresses: ["a@b"] } },
    usages: CLIENT_USAGES,
    rule: "e-mail",
  },
  { name: "an IP address", signer: CLIENT_KUBELET, facts: IP, usages: CLIENT_USAGES, rule: "IP" },
  { name: "a URI", signer: CLIENT_KUBELET, facts: { sans: { uris: ["a:b"] } }, usages: CLIENT_USAGES, rule: "URI" },
  {
    name: "another CN",
    signer: CLIENT_KUBELET,
    facts: commonName("node:a"),
    usages: CLIENT_USAGES,
    rule: "common name",
  },
  { name: "an empty CN", signer: CLIENT_KUBELET, facts: commonName(""), usages: CLIENT_USAGES, rule: "common name" },
  { name: "no digital signature", signer: CLIENT_KUBELET, facts: {}, usages: [CLIENT_AUTH], rule: "usages" },
  {
    name: "encipherment instead of a signature",
    signer: CLIENT_KUBELET,
    facts: {},
    usages: [CLIENT_AUTH, ENCIPHER],
    rule: "usages",
  },
  {
    name: "server auth too",
    signer: CLIENT_KUBELET,
    facts: {},
    usages: [...CLIENT_USAGES, SERVER_AUTH],
    rule: "usages",
  },
  { name: "O comes first", signer: CLIENT_KUBELET, facts: ANYTHING, usages: [], rule: "organization" },
  {
    name: "CN comes before usages",
    signer: CLIENT_KUBELET,
    facts: commonName("x"),
    usages: [],
    rule: "common name",
  },

  { name: "a DNS name", signer: SERVING_KUBELET, facts: DNS, usages: SERVER_USAGES, rule: undefined },
  { name: "an IP address", signer: SERVING_KUBELET, facts: IP, usages: [...SERVER_USAGES, ENCIPHER], rule: undefined },
  { name: "neither", signer: SERVING_KUBELET, facts: {}, usages: SERVER_USAGES, rule: "DNS name or an IP" },
  {
    name: "an e-mail address",
    signer: SERVING_KUBELET,
    facts: { sans: { dnsNames: ["a"], emailAddresses: ["a@b"] } },
    usages: SERVER_USAGES,
    rule: "e-mail",
  },
  {
    name: "a URI",
    signer: SERVING_KUBELET,
    facts: { sans: { dnsNames: ["a"], uris: ["a:b"] } },
    usages: SERVER_USAGES,
    rule: "URI",
  },
  { name: "client auth", signer: SERVING_KUBELET, facts: DNS, usages: CLIENT_USAGES, rule: "usages" },
  {
    name: "another O",
    signer: SERVING_KUBELET,
    facts: { ...DNS, subject: { organization: ["x"] } },
    usages: SERVER_USAGES,
    rule: "organization",
  },
  {
    name: "another CN",
    signer: SERVING_KUBELET,
    facts: { ...DNS, subject: { commonName: "x" } },
    usages: SERVER_USAGES,
    rule: "common name",
  },
  {
    name: "usages come before CN",
    signer: SERVING_KUBELET,
    facts: { ...DNS, subject: { commonName: "x" } },
    usages: [],
    rule: "usages",
  },

  { name: "anything", signer: LEGACY, facts: ANYTHING, usages: KNOWN_USAGES, rule: undefined },
])("profileViolation: $signer, $name", ({ signer, facts: args, usages, rule }) => {
  const violation = profileViolation(signer, facts(args), usages);
  if (rule === undefined) expect(violation).toBeUndefined();
  else expect(violation).toContain(rule);
});

test("isOurSigner: ours are these four", () => {
  expect([CLIENT, CLIENT_KUBELET, SERVING_KUBELET, LEGACY].every(isOurSigner)).toBe(true);
  expect(["kubernetes.io/other", "example.com/kubelet-serving", ""].some(isOurSigner)).toBe(false);
});

test.each([
  { name: "a node's own", username: "system:node:worker-1", args: {}, rules: ["selfnodeclient", "nodeclient"] },
  { name: "another node's", username: "system:node:worker-2", args: {}, rules: ["nodeclient"] },
  { name: "a bootstrapper's", username: "system:bootstrap:abcdef", args: {}, rules: ["nodeclient"] },
  { name: "one without a user", username: undefined, args: {}, rules: ["nodeclient"] },
  { name: "one that breaks the profile", username: "system:node:worker-1", args: DNS, rules: [] },
])("recogniseKubeletClient: $name", ({ username, args, rules }) => {
  const spec = { signerName: CLIENT_KUBELET, usages: CLIENT_USAGES, ...(username && { username }) };
  expect(recogniseKubeletClient(spec, facts(args))).toEqual(rules);
});

test("recogniseKubeletClient: serving certificates and other clients' are never recognised", () => {
  const username = "system:node:worker-1";
  expect(recogniseKubeletClient({ signerName: SERVING_KUBELET, usages: SERVER_USAGES, username }, facts(DNS))).toEqual(
    [],
  );
  expect(recogniseKubeletClient({ signerName: CLIENT, usages: CLIENT_USAGES, username }, facts())).toEqual([]);
});

const bound = (...nodes: readonly string[]) => ({ [BOUND_NODE_EXTRA]: nodes });

test.each([
  { name: "no binding", extra: {}, signerName: CLIENT, cn: "anything", fits: true },
  { name: "its node", extra: bound("worker-1"), signerName: CLIENT_KUBELET, cn: "system:node:worker-1", fits: true },
  {
    name: "another node",
    extra: bound("worker-1"),
    signerName: CLIENT_KUBELET,
    cn: "system:node:worker-2",
    fits: false,
  },
  {
    name: "a longer name",
    extra: bound("worker-1"),
    signerName: CLIENT_KUBELET,
    cn: "system:node:worker-11",
    fits: false,
  },
  { name: "the bare node name", extra: bound("worker-1"), signerName: CLIENT_KUBELET, cn: "worker-1", fits: false },
  { name: "serving", extra: bound("worker-1"), signerName: SERVING_KUBELET, cn: "system:node:worker-1", fits: false },
  { name: "another client", extra: bound("worker-1"), signerName: CLIENT, cn: "system:node:worker-1", fits: false },
  { name: "a foreign signer", extra: bound("worker-1"), signerName: "a.b/c", cn: "system:node:worker-1", fits: false },
  {
    name: "two nodes",
    extra: bound("worker-1", "worker-2"),
    signerName: CLIENT_KUBELET,
    cn: "system:node:worker-1",
    fits: false,
  },
  { name: "an empty list", extra: bound(), signerName: CLIENT_KUBELET, cn: "system:node:worker-1", fits: false },
  { name: "an empty name", extra: bound(""), signerName: CLIENT_KUBELET, cn: "system:node:", fits: false },
])("boundNodeViolation: $name", ({ extra, signerName, cn, fits }) => {
  expect(boundNodeViolation({ signerName, extra }, facts(commonName(cn))) === undefined).toBe(fits);
});

test.each([
  { name: "conforming", signerName: CLIENT_KUBELET, args: {}, extra: {}, kind: "conforms" },
  { name: "against the profile", signerName: CLIENT_KUBELET, args: DNS, extra: {}, kind: "violates" },
  { name: "against the binding", signerName: CLIENT_KUBELET, args: {}, extra: bound("worker-2"), kind: "violates" },
  { name: "somebody else's", signerName: "a.b/c", args: ANYTHING, extra: bound("worker-2"), kind: "foreign" },
])("judgeSigning: $name", ({ signerName, args, extra, kind }) => {
  expect(judgeSigning({ signerName, usages: CLIENT_USAGES, extra }, facts(args)).kind).toBe(kind);
});
