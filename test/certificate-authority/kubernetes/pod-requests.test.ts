import { expect, test } from "@jest/globals";
import type { CsrStatus } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { ConfiguredSigners } from "../../../services/certificate-authority/domain/configured-signer.ts";
import {
  type ClusterConnection,
  ClusterError,
} from "../../../services/certificate-authority/kubernetes/cluster-connection.ts";
import { podRequests, type SentPodRequest } from "../../../services/certificate-authority/kubernetes/pod-requests.ts";
import { buildCsr } from "../../builders/csr.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { buildLeafCertificate } from "../../builders/leaf-certificate.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const SIGNER = "example.com/pods";
const PODS = { commonName: "{pod}", dnsNames: [], uris: [], usages: ["client auth"] };
const SIGNERS = new Map([
  [SIGNER, { signerName: SIGNER, pods: PODS }],
  ["example.com/others", { signerName: "example.com/others" }],
]) as unknown as ConfiguredSigners;
const CSR = buildCsr();
const RECORD = "shop%req-abcde";
const ROOT = "/apis/certificates.k8s.io";

function sent(spec: Partial<NonNullable<SentPodRequest["spec"]>> = {}): SentPodRequest {
  return {
    metadata: {
      ...{ namespace: "shop", name: "req-abcde", uid: "uid-1", resourceVersion: "7" },
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: {
      ...{
        signerName: SIGNER,
        podName: "web-0",
        podUID: "uid-2",
        serviceAccountName: "web",
        serviceAccountUID: "uid-3",
      },
      ...{ nodeName: "worker", nodeUID: "uid-4", maxExpirationSeconds: 7200 },
      stubPKCS10Request: CSR.der.toString("base64"),
      ...spec,
    },
  };
}

interface Call {
  readonly call: string;
  readonly body: { readonly metadata?: object; readonly status?: Readonly<Record<string, unknown>> } | undefined;
}

/** A cluster that answers as it is told, the last answer from then on; a number is a code that refuses. */
function answering(...answers: (number | object)[]) {
  const calls: Call[] = [];
  const send: ClusterConnection["send"] = async (method, path, body) => {
    calls.push({ call: `${method} ${path}`, body: body as Call["body"] });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof answer === "number") throw new ClusterError(answer, "", `answered ${answer}`);
    return answer;
  };
  return { calls, pods: podRequests({ send }, SIGNERS, new SettableClock(new Date("2026-01-01T00:00:00Z"))) };
}

test("a pod's request is asked for by its service account, with the key of the stub and the signer's usages", () => {
  const { pods } = answering({});
  expect(pods.cache.put(sent())).toBe(RECORD);
  expect(pods.remote.get(RECORD)).toMatchObject({
    metadata: { name: RECORD, uid: "uid-1", resourceVersion: "7" },
    spec: {
      ...{ signerName: SIGNER, usages: ["client auth"], expirationSeconds: 7200 },
      ...{ username: "system:serviceaccount:shop:web", uid: "uid-3" },
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/pod-name": ["web-0"],
        "authentication.kubernetes.io/node-name": ["worker"],
      },
    },
    status: {},
  });
  const { request } = pods.remote.get(RECORD)?.spec ?? {};
  const pem = Buffer.from(request ?? "", "base64").toString();
  expect(pem.replaceAll(/-----.*-----|\n/g, "")).toBe(CSR.der.toString("base64"));
});

test.each([
  { name: "of another signer", request: sent({ signerName: "example.com/theirs" }) },
  { name: "of a signer that serves no pods", request: sent({ signerName: "example.com/others" }) },
  { name: "of a kubelet before 1.36", request: { ...sent(), spec: { ...sent().spec, stubPKCS10Request: undefined } } },
])("a request $name is none of ours", ({ request }) => {
  const { pods } = answering({});
  expect(pods.cache.put(request as SentPodRequest)).toBeUndefined();
  expect([...pods.remote.names()]).toEqual([]);
});

test("the newest version that the cluster serves is used, and writes go there", async () => {
  const { pods, calls } = answering(404, {}, sent());
  expect(await pods.path()).toBe(`${ROOT}/v1beta1/podcertificaterequests`);
  pods.cache.put(sent());
  await write(pods, { conditions: [{ type: "Denied", status: "True", reason: "No", message: "not her" }] });
  expect(calls.map(({ call }) => call)).toEqual([
    `GET ${ROOT}/v1/podcertificaterequests?limit=1`,
    `GET ${ROOT}/v1beta1/podcertificaterequests?limit=1`,
    `PUT ${ROOT}/v1beta1/namespaces/shop/podcertificaterequests/req-abcde/status`,
  ]);
});

test("a cluster that serves none says so in words that name the setting", async () => {
  const { pods } = answering(404);
  await expect(pods.path()).rejects.toThrow("leave pods out of the profiles");
});

async function write({ remote }: ReturnType<typeof podRequests>, status: CsrStatus): Promise<void> {
  const object = remote.get(RECORD);
  if (object === undefined) throw new Error("it is not there");
  await remote.write({ ...object, status }, "status");
}

test("a certificate is written once, with the times that it has, under the revision that was seen", async () => {
  const issuer = buildIssuer();
  const chain = buildLeafCertificate({
    ...{ issuer, commonName: "web-0", organization: "", key: CSR.privateKey },
    ...{ notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2026-01-01T03:00:00Z") },
  });
  const { pods, calls } = answering(sent());
  pods.cache.put(sent());
  const approved = { type: "Approved", status: "True", reason: "Known", message: "a pod of ours" } as const;
  await write(pods, { conditions: [approved], certificate: Buffer.from(chain).toString("base64") });
  expect(calls[0]?.body).toMatchObject({
    metadata: { namespace: "shop", name: "req-abcde", uid: "uid-1", resourceVersion: "7" },
    status: {
      certificateChain: chain,
      ...{ notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-01T03:00:00Z" },
      beginRefreshAt: "2026-01-01T02:00:00Z",
      conditions: [{ ...approved, type: "Issued", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    },
  });
});

test.each([
  {
    name: "a failure",
    conditions: [
      ["Approved", "Known"],
      ["Failed", "SignerValidationFailure"],
    ],
    type: "Failed",
    reason: "SignerValidationFailure",
  },
  {
    name: "a reason that conditions do not take",
    conditions: [["Denied", "not her"]],
    type: "Denied",
    reason: "Denied",
  },
  { name: "no reason", conditions: [["Denied", ""]], type: "Denied", reason: "Denied" },
])("$name is written as the API takes it", async ({ conditions, type, reason }) => {
  const { pods, calls } = answering(sent());
  pods.cache.put(sent());
  const status: CsrStatus = {
    conditions: conditions.map(([of = "", why = ""]) => ({ type: of, status: "True", reason: why, message: "so" })),
  };
  await write(pods, status);
  expect(calls[0]?.body?.status).toEqual({
    conditions: [{ type, status: "True", reason, message: "so", lastTransitionTime: "2026-01-01T00:00:00Z" }],
  });
});

const DENIED: CsrStatus = { conditions: [{ type: "Denied", status: "True", reason: "No", message: "" }] };

test("after a conflict the request is read anew", async () => {
  const newer = { ...sent(), metadata: { ...sent().metadata, resourceVersion: "8" } };
  const { pods } = answering(409, newer);
  pods.cache.put(sent());
  await expect(write(pods, DENIED)).rejects.toMatchObject({ reason: "Conflict" });
  expect(pods.remote.get(RECORD)?.metadata.resourceVersion).toBe("8");
});

test("one that is gone is forgotten", async () => {
  const { pods } = answering(404);
  pods.cache.put(sent());
  await write(pods, DENIED);
  expect(pods.remote.get(RECORD)).toBeUndefined();
});

test("what others made of it is an approval with its certificate, a denial or a failure", () => {
  const { pods } = answering({});
  const condition = {
    status: "True",
    reason: "Theirs",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  } as const;
  pods.cache.put({ ...sent(), status: { conditions: [{ ...condition, type: "Issued" }], certificateChain: "chain" } });
  expect(pods.remote.get(RECORD)?.status).toEqual({
    conditions: [{ ...condition, type: "Approved", lastUpdateTime: condition.lastTransitionTime }],
    certificate: Buffer.from("chain").toString("base64"),
  });
});

test("the cluster deletes pods' requests by itself", async () => {
  const { pods } = answering({});
  await expect(pods.remote.remove(RECORD, {})).rejects.toMatchObject({ reason: "MethodNotAllowed" });
});
