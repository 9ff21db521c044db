import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { parseAllDocuments, parse as parseYaml } from "yaml";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import {
  type Answer,
  gatehouse,
  type RunOptions,
  sendJson,
  sendStatus,
  startServer,
  type TestServer,
} from "./fixture.ts";

const PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
let server: TestServer;
let answer: Answer = () => {};

beforeAll(async () => {
  server = await startServer(await buildTlsIdentity(), (seen, response) => answer(seen, response));
});
afterAll(() => server.close());
afterEach(() => {
  server.seen.length = 0;
});

const csr = (command: string, args: readonly string[] = [], options: RunOptions = {}) =>
  gatehouse(["csr", command, ...args, "--kubeconfig", server.kubeconfig], options);

const COLUMNS = [{ name: "Name", priority: 0 }, { name: "Age" }, { name: "Condition" }];
const tableRow = (name: string, age: string, condition: string, resourceVersion = "1") => ({
  cells: [name, age, condition],
  object: { kind: "PartialObjectMetadata", metadata: { name, resourceVersion } },
});
const table = (rows: unknown[], resourceVersion = "7", columnDefinitions: unknown = COLUMNS) => ({
  kind: "Table",
  apiVersion: "meta.k8s.io/v1",
  metadata: { resourceVersion },
  columnDefinitions,
  rows,
});
const request = (name: string, conditions: unknown[] = []) => ({
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequest",
  metadata: { name, resourceVersion: "3", creationTimestamp: "2026-01-02T03:00:00Z", labels: { kept: "yes" } },
  spec: {
    request: "LS0t",
    signerName: "kubernetes.io/kube-apiserver-client-kubelet",
    expirationSeconds: 3600,
    usages: ["digital signature", "client auth"],
    username: "system:bootstrap:abcdef",
    groups: ["system:bootstrappers", "system:authenticated"],
  },
  status: { conditions },
});
const list = (...items: unknown[]) => ({
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequestList",
  metadata: { resourceVersion: "7" },
  items,
});
const APPROVED = {
  type: "Approved",
  status: "True",
  reason: "AutoApproved",
  message: "by rule",
  lastUpdateTime: "2026-01-02T03:01:00Z",
};

test("list shows the server's Table", async () => {
  answer = (_, response) =>
    sendJson(response, table([tableRow("csr-a", "5m", "Pending"), tableRow("csr-bcd", "1h", "Approved,Issued")]));
  expect(await csr("list")).toEqual({
    code: 0,
    stdout: "NAME      AGE   CONDITION\ncsr-a     5m    Pending\ncsr-bcd   1h    Approved,Issued\n",
    stderr: "",
  });
  expect(server.seen[0]?.url).toBe(PATH);
  expect(server.seen[0]?.headers.accept).toBe("application/json;as=Table;v=v1;g=meta.k8s.io");
});

test("list without requests says so on standard error", async () => {
  answer = (_, response) => sendJson(response, table([]));
  expect(await csr("list")).toEqual({ code: 0, stdout: "", stderr: "No certificate signing requests.\n" });
});

test("list passes its selectors on", async () => {
  answer = (_, response) => sendJson(response, list());
  await csr("list", ["--signer", "a.b/c", "-l", "rack=4,x!=y", "-o", "json"]);
  const url = new URL(server.seen[0]?.url ?? "", server.url);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    fieldSelector: "spec.signerName=a.b/c",
    labelSelector: "rack=4,x!=y",
  });
});

test.each(["json", "yaml"])("list -o %s shows the objects as they are", async (format) => {
  answer = (_, response) => sendJson(response, list(request("csr-a")));
  const { code, stdout } = await csr("list", ["-o", format]);
  expect(code).toBe(0);
  expect(format === "json" ? JSON.parse(stdout) : parseYaml(stdout)).toEqual(list(request("csr-a")));
  expect(server.seen[0]?.headers.accept).toBe("application/json");
});

test("a server without Tables is told in words", async () => {
  answer = (_, response) => sendJson(response, list());
  expect(await csr("list")).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: the server answered with CertificateSigningRequestList, not a Table\nTry -o json.\n",
  });
});

/** Answers lists and then each watch with the next of these event lines; ends the command after the last. */
function scriptedWatch(answers: readonly unknown[], watches: readonly (readonly unknown[])[]) {
  const abort = new AbortController();
  const lists = [...answers];
  const scripts = [...watches];
  answer = ({ url }, response) => {
    if (!url.includes("watch=true")) return sendJson(response, lists.shift());
    const script = scripts.shift();
    if (script === undefined) return abort.abort();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(script.map((event) => `${JSON.stringify(event)}\n`).join(""));
  };
  return abort.signal;
}

const watchesSeen = () =>
  server.seen
    .filter(({ url }) => url.includes("watch=true"))
    .map(({ url }) => new URL(url, server.url).searchParams.get("resourceVersion"));

test("list --watch shows the list, then every change, and takes a watch up where it ended", async () => {
  const event = (type: string, row: unknown) => ({ type, object: table([row], "", null) });
  const bookmark = { type: "BOOKMARK", object: table([], "12", null) };
  const signal = scriptedWatch(
    [table([tableRow("csr-a", "5m", "Pending")])],
    [
      [
        event("ADDED", tableRow("csr-long-name", "0s", "Pending", "9")),
        event("MODIFIED", tableRow("csr-a", "6m", "Approved", "10")),
      ],
      [bookmark],
    ],
  );
  expect(await csr("list", ["--watch"], { signal })).toEqual({
    code: 0,
    stdout: "NAME    AGE   CONDITION\ncsr-a   5m    Pending\ncsr-long-name   0s    Pending\ncsr-a   6m    Approved\n",
    stderr: "",
  });
  expect(watchesSeen()).toEqual(["7", "10", "12"]);
});

test.each([
  {
    format: "json",
    read: (text: string) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
  },
  { format: "yaml", read: (text: string) => parseAllDocuments(text).map((document) => document.toJS()) },
])("list --watch -o $format shows events one by one", async ({ format, read }) => {
  const changed = request("csr-a", [APPROVED]);
  const signal = scriptedWatch([list(request("csr-a"))], [[{ type: "MODIFIED", object: changed }]]);
  const { code, stdout } = await csr("list", ["--watch", "-o", format], { signal });
  expect(code).toBe(0);
  expect(read(stdout)).toEqual([
    { type: "ADDED", object: request("csr-a") },
    { type: "MODIFIED", object: changed },
  ]);
});

test("a watch that is too old starts from a new list", async () => {
  const expired = {
    type: "ERROR",
    object: { kind: "Status", status: "Failure", code: 410, reason: "Expired", message: "too old" },
  };
  const second = table([tableRow("csr-b", "1s", "Pending")], "20");
  const signal = scriptedWatch([table([tableRow("csr-a", "5m", "Pending")]), second], [[expired]]);
  const { code, stdout } = await csr("list", ["--watch"], { signal });
  expect(code).toBe(0);
  expect(stdout).toBe("NAME    AGE   CONDITION\ncsr-a   5m    Pending\ncsr-b   1s    Pending\n");
  expect(watchesSeen()).toEqual(["7", "20"]);
});

test("a watch that fails ends the command", async () => {
  const failed = {
    type: "ERROR",
    object: { kind: "Status", status: "Failure", code: 500, reason: "InternalError", message: "broken" },
  };
  const signal = scriptedWatch([table([])], [[failed]]);
  const { code, stderr } = await csr("list", ["--watch"], { signal });
  expect({ code, stderr }).toEqual({ code: 1, stderr: "error: broken\n" });
});

test("show tells a request and its decisions", async () => {
  const decision = {
    request: { uid: "u" },
    outcome: "approved",
    hook: "kubelet-client",
    reason: "AutoApproved",
    message: "by rule",
    decidedBy: "gatehouse",
    decidedAt: "2026-01-02T03:01:00Z",
  };
  const object = { ...request("csr a", [APPROVED]), status: { conditions: [APPROVED], certificate: "LS0t" } };
  answer = ({ url }, response) => sendJson(response, url.startsWith("/v1/") ? { items: [decision] } : object);
  const { code, stdout } = await csr("show", ["csr a"]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      "Name:                 csr a",
      "Created:              2026-01-02T03:00:00Z",
      "Requester:            system:bootstrap:abcdef",
      "Groups:               system:bootstrappers",
      "                      system:authenticated",
      "Signer:               kubernetes.io/kube-apiserver-client-kubelet",
      "Usages:               digital signature, client auth",
      "Requested lifetime:   3600 s",
      "Condition:            Approved,Issued",
      "Conditions:           Approved=True  AutoApproved  by rule  2026-01-02T03:01:00Z",
      "Decisions:            2026-01-02T03:01:00Z  approved  by gatehouse (kubelet-client)  AutoApproved  by rule",
      "",
    ].join("\n"),
  );
  expect(server.seen.map(({ url }) => url)).toEqual([`${PATH}/csr%20a`, "/v1/requests/csr%20a/decision"]);
});

test.each([
  { conditions: [], certificate: "", shown: "Pending" },
  { conditions: [{ ...APPROVED, type: "Denied" }], certificate: "", shown: "Denied" },
  { conditions: [APPROVED, { ...APPROVED, type: "Failed" }], certificate: "", shown: "Approved,Failed" },
  { conditions: [APPROVED], certificate: "LS0t", shown: "Approved,Issued" },
])("show calls it $shown, also where decisions may not be seen", async ({ conditions, certificate, shown }) => {
  const object = { ...request("csr-a"), status: { conditions, certificate } };
  answer = ({ url }, response) =>
    url.startsWith("/v1/") ? sendStatus(response, 403, "Forbidden", "no") : sendJson(response, object);
  const { code, stdout } = await csr("show", ["csr-a"]);
  expect(code).toBe(0);
  expect(stdout).toContain(`\nCondition:            ${shown}\n`);
  expect(stdout).toContain("\nDecisions:            <none>\n");
});

test("show tells requesters what they may know: not who decided", async () => {
  const decision = {
    outcome: "approved",
    hook: "manual",
    reason: "ByHand",
    message: "",
    decidedAt: "2026-01-02T03:01:00Z",
  };
  answer = ({ url }, response) => sendJson(response, url.startsWith("/v1/") ? { items: [decision] } : request("csr-a"));
  expect((await csr("show", ["csr-a"])).stdout).toMatch(
    /^Decisions: +2026-01-02T03:01:00Z {2}approved {2}by manual {2}ByHand$/m,
  );
});

test("show -o json shows the object alone", async () => {
  answer = (_, response) => sendJson(response, request("csr-a"));
  const { stdout } = await csr("show", ["csr-a", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual(request("csr-a"));
  expect(server.seen).toHaveLength(1);
});

/** One request that is kept, so that what is PUT can be read again; the first `conflicts` PUTs come too late. */
function storedRequest(object: ReturnType<typeof request>, conflicts = 0) {
  const state = { object, conflicts };
  answer = ({ method, url, body }, response) => {
    const name = url.split("/")[5];
    if (name !== object.metadata.name) return sendStatus(response, 404, "NotFound", `"${name}" not found`);
    if (method === "GET") return sendJson(response, state.object);
    if (state.conflicts-- > 0) return sendStatus(response, 409, "Conflict", "the object has been modified");
    state.object = JSON.parse(body);
    sendJson(response, state.object);
  };
  return state;
}

test.each([
  {
    command: "approve",
    flags: [],
    condition: {
      type: "Approved",
      status: "True",
      reason: "GatehouseApprove",
      message: "approved by an administrator",
    },
    stdout: "csr-a approved\n",
  },
  {
    command: "deny",
    flags: ["--reason", "Unknown", "--message", "nobody knows it"],
    condition: { type: "Denied", status: "True", reason: "Unknown", message: "nobody knows it" },
    stdout: "csr-a denied\n",
  },
])("$command puts the whole object with its condition", async ({ command, flags, condition, stdout }) => {
  const state = storedRequest(request("csr-a", [{ type: "Other", status: "False" }]));
  expect(await csr(command, ["csr-a", ...flags])).toEqual({ code: 0, stdout, stderr: "" });
  expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    `GET ${PATH}/csr-a`,
    `PUT ${PATH}/csr-a/approval`,
  ]);
  expect(state.object).toEqual(request("csr-a", [{ type: "Other", status: "False" }, condition]));
});

test("approve tries again after a conflict, with the object as it is then", async () => {
  storedRequest(request("csr-a"), 9);
  expect(await csr("approve", ["csr-a"])).toEqual({ code: 0, stdout: "csr-a approved\n", stderr: "" });
  expect(server.seen.filter(({ method }) => method === "GET")).toHaveLength(10);
});

test("approve gives up after ten conflicts", async () => {
  storedRequest(request("csr-a"), 10);
  const { code, stderr } = await csr("approve", ["csr-a"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "error: the object has been modified\n" });
});

test("approve leaves alone what is approved", async () => {
  storedRequest(request("csr-a", [APPROVED]));
  expect(await csr("approve", ["csr-a"])).toEqual({ code: 0, stdout: "csr-a is approved already\n", stderr: "" });
  expect(server.seen).toHaveLength(1);
});

test("an approval that is not the last is not called one", async () => {
  const message = "1 of 2 people have approved it (alice); 1 more to go";
  const counted = request("csr-a", [{ ...APPROVED, type: "QuorumPending", message }]);
  answer = ({ method }, response) => sendJson(response, method === "GET" ? request("csr-a") : counted);
  expect(await csr("approve", ["csr-a"])).toEqual({
    code: 0,
    stdout: `csr-a is not approved yet: ${message}\n`,
    stderr: "",
  });
});

test("approve does not overrule a denial", async () => {
  storedRequest(request("csr-a", [{ ...APPROVED, type: "Denied" }]));
  expect(await csr("approve", ["csr-a"])).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: csr-a is denied already, and a decision stands\nA new request can be decided anew.\n",
  });
  expect(server.seen).toHaveLength(1);
});

test("one bad name among several does not stop the rest", async () => {
  storedRequest(request("csr-a"));
  expect(await csr("approve", ["csr-none", "csr-a", "csr-a"])).toEqual({
    code: 1,
    stdout: "csr-a approved\n",
    stderr: 'error: csr-none: "csr-none" not found\nerror: 1 of 2 requests were not approved\n',
  });
});

test("approve -o json shows what was decided", async () => {
  const state = storedRequest(request("csr-a"));
  const { code, stdout } = await csr("approve", ["csr-a", "-o", "json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ ...list(state.object), metadata: {} });
});

test("show does not hide that decisions could not be read", async () => {
  answer = ({ url }, response) =>
    url.startsWith("/v1/")
      ? sendStatus(response, 500, "InternalError", "broken")
      : sendJson(response, request("csr-a"));
  expect(await csr("show", ["csr-a"])).toEqual({ code: 1, stdout: "", stderr: "error: broken\n" });
});

test("an event that is no JSON ends a watch", async () => {
  answer = ({ url }, response) => {
    if (url.includes("watch=true")) response.end("<html>\n");
    else sendJson(response, table([]));
  };
  const { code, stderr } = await csr("list", ["--watch"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "error: the server sent a watch event that is not JSON\n" });
});

test("a watch whose connection breaks is taken up where it broke", async () => {
  const abort = new AbortController();
  const event = { type: "ADDED", object: table([tableRow("csr-a", "0s", "Pending", "9")], "", null) };
  answer = ({ url }, response) => {
    if (!url.includes("watch=true")) return sendJson(response, table([]));
    if (url.includes("resourceVersion=9")) return abort.abort();
    response.write(`${JSON.stringify(event)}\n`);
    setTimeout(() => response.destroy(), 20);
  };
  const { code, stdout, stderr } = await csr("list", ["--watch"], { signal: abort.signal });
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: "NAME    AGE   CONDITION\ncsr-a   0s    Pending\n",
    stderr: "",
  });
  expect(watchesSeen()).toEqual(["7", "9"]);
});
