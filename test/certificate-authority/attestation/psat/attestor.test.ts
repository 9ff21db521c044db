import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { z } from "zod";
import { createPsatAttestor } from "../../../../services/certificate-authority/attestation/psat/attestor.ts";
import {
  type PsatSettings,
  psatShape,
  resolvePsatPaths,
} from "../../../../services/certificate-authority/attestation/psat/settings.ts";
import { boundAudience } from "../../../../services/shared/attestation/bind.ts";
import { ATTESTATION_AUDIENCE, attestorTools, proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { forgeToken } from "../../../builders/signed-tokens.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../../builders/tls-identity.ts";
import { RoutedServer } from "../../../fakes/routed-server.ts";

const schema = z.strictObject(psatShape);
const USUAL = { attestor: "psat", cluster: "mgmt", kubeconfig: "k", serviceAccounts: ["vms:launcher"], machine: "pod" };
const EXTRA = {
  "authentication.kubernetes.io/pod-name": ["vm-1"],
  "authentication.kubernetes.io/pod-uid": ["pod-uid-1"],
  "authentication.kubernetes.io/node-name": ["host-1"],
  "authentication.kubernetes.io/node-uid": ["node-uid-1"],
};
const USER = { username: "system:serviceaccount:vms:launcher", uid: "u", groups: [], extra: EXTRA };
const POD = {
  metadata: { name: "vm-1", namespace: "vms", uid: "pod-uid-1" },
  spec: { nodeName: "host-1", serviceAccountName: "launcher" },
  status: { phase: "Running", podIPs: [{ ip: "10.1.0.5" }, { ip: "fd00::5" }] },
};
const NODE = { metadata: { name: "host-1", uid: "node-uid-1" } };

let tls: TlsIdentity;
let server: RoutedServer;
let kubeconfig: string;
beforeAll(async () => {
  tls = await buildTlsIdentity();
  server = new RoutedServer(tls);
  const origin = await server.listen();
  kubeconfig = join(temporaryDirectory(), "kubeconfig");
  const cluster = { server: `${origin}/mgmt`, "certificate-authority-data": Buffer.from(tls.caPem).toString("base64") };
  const config = {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: { token: "our-secret" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
});
afterAll(() => server.close());

interface Answers {
  readonly review?: object;
  readonly user?: object;
  readonly pod?: object | undefined;
  readonly node?: object | undefined;
}
function answering(answers: Answers = {}): void {
  const { pod, node } = { pod: POD, node: NODE, ...answers };
  server.answer = ({ url, body }) => {
    if (url === "/mgmt/apis/authentication.k8s.io/v1/tokenreviews") {
      const { audiences } = (JSON.parse(body) as { spec: { audiences: string[] } }).spec;
      return {
        status: 201,
        body: { status: { authenticated: true, user: { ...USER, ...answers.user }, audiences, ...answers.review } },
      };
    }
    if (url === "/mgmt/api/v1/namespaces/vms/pods/vm-1" && pod) return { body: pod };
    if (url === "/mgmt/api/v1/nodes/host-1" && node) return { body: node };
    return undefined;
  };
}
beforeEach(() => {
  server.requests.length = 0;
  answering();
});

const settingsOf = (changes: object = {}): PsatSettings => schema.parse({ ...USUAL, kubeconfig, ...changes });
function inputOf(audience?: unknown, signature = "x") {
  const bind = randomBytes(32);
  const aud = audience === undefined ? [boundAudience(ATTESTATION_AUDIENCE, bind)] : audience;
  return proofInput({ bind, proof: { token: forgeToken({ alg: "RS256" }, { aud }, signature) } });
}
const attestorOf = (settings: PsatSettings) => createPsatAttestor(settings, attestorTools());
const refusalOf = (settings = settingsOf(), audience?: unknown) =>
  refusalIn(() => attestorOf(settings).verify(inputOf(audience)));

test("a pod of a listed account is a machine", async () => {
  const input = inputOf();
  expect(await attestorOf(settingsOf()).verify(input)).toEqual({
    machineId: "psat:mgmt/pod/pod-uid-1",
    pins: {},
    fields: {
      namespace: "vms",
      service_account: "launcher",
      pod_name: "vm-1",
      pod_uid: "pod-uid-1",
      node_name: "host-1",
    },
    sans: { dnsNames: [], ipAddresses: ["10.1.0.5", "fd00::5"] },
    isFresh: true,
  });
  const [review] = server.requests;
  expect(review?.headers.authorization).toBe("Bearer our-secret");
  const { token } = input.proof as { token: string };
  expect(JSON.parse(review?.body ?? "").spec).toEqual({
    token,
    audiences: [boundAudience(ATTESTATION_AUDIENCE, input.bind)],
  });
});

test("the node that a pod runs on is the machine where the profile says so", async () => {
  const evidence = await attestorOf(settingsOf({ machine: "node" })).verify(inputOf());
  expect(evidence).toMatchObject({
    machineId: "psat:mgmt/node/node-uid-1",
    fields: { node_name: "host-1", node_uid: "node-uid-1", pod_uid: "pod-uid-1" },
  });
  expect(evidence.sans).toBeUndefined();
});

test("older clusters do not put the node into the token", async () => {
  const {
    "authentication.kubernetes.io/node-name": _name,
    "authentication.kubernetes.io/node-uid": _uid,
    ...extra
  } = EXTRA;
  answering({ user: { extra } });
  expect(await refusalOf(settingsOf({ machine: "node" }))).toBe("accepted");
});

const pod = (changes: { metadata?: object; spec?: object; status?: object }) => ({
  metadata: { ...POD.metadata, ...changes.metadata },
  spec: { ...POD.spec, ...changes.spec },
  status: { ...POD.status, ...changes.status },
});
const extraWith = (changes: object) => ({ user: { extra: { ...EXTRA, ...changes } } });
test.each<{ name: string; answers: Answers; settings?: object; says: string }>([
  { name: "the cluster does not know", answers: { review: { authenticated: false } }, says: "does not know the token" },
  {
    name: "is reviewed without audiences",
    answers: { review: { audiences: undefined } },
    says: "does not say that the token is for this audience",
  },
  {
    name: "is reviewed for no audience",
    answers: { review: { audiences: [] } },
    says: "does not say that the token is for this audience",
  },
  {
    name: "is reviewed for another audience",
    answers: { review: { audiences: ["https://kubernetes.default.svc"] } },
    says: "does not say that the token is for this audience",
  },
  { name: "is a person's", answers: { user: { username: "alice" } }, says: "is not a service account's" },
  {
    name: "is another account's",
    answers: { user: { username: "system:serviceaccount:vms:default" } },
    says: "does not list the service account vms:default",
  },
  {
    name: "is of another namespace",
    answers: { user: { username: "system:serviceaccount:other:launcher" } },
    says: "does not list the service account other:launcher",
  },
  { name: "is bound to nothing", answers: { user: { extra: {} } }, says: "not bound to a pod" },
  {
    name: "is bound to a pod without uid",
    answers: extraWith({ "authentication.kubernetes.io/pod-uid": undefined }),
    says: "not bound to a pod",
  },
  {
    name: "is bound to two pods",
    answers: extraWith({ "authentication.kubernetes.io/pod-uid": ["a", "pod-uid-1"] }),
    says: "not bound to a pod",
  },
  { name: "outlived its pod", answers: { pod: undefined }, says: "is not there any more" },
  {
    name: "is of an earlier pod of that name",
    answers: { pod: pod({ metadata: { uid: "pod-uid-2" } }) },
    says: "another one than the token's",
  },
  {
    name: "is of a pod that goes",
    answers: { pod: pod({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }) },
    says: "is being deleted",
  },
  { name: "is of a pod that has ended", answers: { pod: pod({ status: { phase: "Succeeded" } }) }, says: "has ended" },
  {
    name: "is of a pod of another account",
    answers: { pod: pod({ spec: { serviceAccountName: "default" } }) },
    says: "runs as another service account",
  },
  {
    name: "is of a pod without node",
    answers: { pod: pod({ spec: { nodeName: undefined } }) },
    says: "runs on no node",
  },
  {
    name: "was made on another node",
    answers: { pod: pod({ spec: { nodeName: "host-2" } }) },
    says: "on another node",
  },
  {
    name: "is of a node that is gone",
    answers: { node: undefined },
    settings: { machine: "node" },
    says: "has no node host-1",
  },
  {
    name: "is of an earlier node of that name",
    answers: { node: { metadata: { name: "host-1", uid: "n2" } } },
    settings: { machine: "node" },
    says: "another one than the token's",
  },
])("refused: a token that $name", async ({ answers, settings = {}, says }) => {
  answering(answers);
  expect(await refusalOf(settingsOf(settings))).toContain(says);
});

test.each<{ name: string; audience: unknown; says: string }>([
  { name: "an API server", audience: ["https://kubernetes.default.svc"], says: "its audience is another" },
  { name: "the plain audience", audience: [ATTESTATION_AUDIENCE], says: "its audience is another" },
  {
    name: "another challenge",
    audience: [boundAudience(ATTESTATION_AUDIENCE, randomBytes(32))],
    says: "its audience is another",
  },
  {
    name: "an API server besides us",
    audience: ["a", "https://kubernetes.default.svc"],
    says: "does not have one audience",
  },
  { name: "nobody", audience: [], says: "does not have one audience" },
  { name: "a number", audience: 7, says: "does not have one audience" },
])("a token for $name is not even shown to the cluster", async ({ audience, says }) => {
  expect(await refusalOf(settingsOf(), audience)).toContain(says);
  expect(server.requests).toEqual([]);
});

test("a token out of a file is taken where the profile says so, and is not fresh", async () => {
  const settings = settingsOf({ replayableAudience: "gatehouse" });
  expect(await attestorOf(settings).verify(inputOf("gatehouse"))).toMatchObject({ isFresh: false });
  expect(await attestorOf(settings).verify(inputOf())).toMatchObject({ isFresh: true });
});

test.each([
  { name: "refuses us", answer: { status: 403 }, says: "HTTP 403" },
  {
    name: "answers with something else",
    answer: { body: { kind: "Status", message: "token eyJ" } },
    says: "did not answer as a kube-apiserver does",
  },
  { name: "answers with nonsense", answer: { body: "token eyJ" }, says: "did not answer as a kube-apiserver does" },
])("nobody is let in while the cluster $name", async ({ answer, says }) => {
  server.answer = () => answer;
  const verification = attestorOf(settingsOf()).verify(inputOf());
  await expect(verification).rejects.toThrow(says);
  await expect(verification).rejects.not.toThrow("eyJ");
});

test("a kubeconfig that cannot be used lets nobody in", async () => {
  const missing = settingsOf({ kubeconfig: join(temporaryDirectory(), "none") });
  expect(await refusalOf(missing)).toContain("cannot be used");
});

test.each<{ name: string; changes: object; path: readonly (string | number)[] }>([
  { name: "no account", changes: { serviceAccounts: [] }, path: ["serviceAccounts"] },
  { name: "an account of any namespace", changes: { serviceAccounts: ["launcher"] }, path: ["serviceAccounts", 0] },
  { name: "a pattern of accounts", changes: { serviceAccounts: ["vms:*"] }, path: ["serviceAccounts", 0] },
  { name: "no machine", changes: { machine: undefined }, path: ["machine"] },
  {
    name: "an API server's audience",
    changes: { replayableAudience: "https://kubernetes.default.svc.cluster.local" },
    path: ["replayableAudience"],
  },
  { name: "an API server's short audience", changes: { replayableAudience: "api" }, path: ["replayableAudience"] },
])("settings with $name are refused", ({ changes, path }) => {
  const { error } = schema.safeParse({ ...USUAL, ...changes });
  expect(error?.issues.map((issue) => issue.path)).toEqual([path]);
});

test("paths are made absolute", () => {
  expect(resolvePsatPaths(settingsOf({ kubeconfig: "k" }), (path) => `/etc/${path}`).kubeconfig).toBe("/etc/k");
});
