import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { certificateRecord } from "../builders/records.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.certificates.records.length = 0;
  server.certificates.continueToken = undefined;
  server.quarantined.clear();
});

const FIRST = certificateRecord({
  ...{ serial: "01", notBefore: new Date("2025-12-02T00:00:00Z"), notAfter: new Date("2026-01-01T00:00:00Z") },
});
const SECOND = certificateRecord({
  ...{ serial: "02", notBefore: new Date("2025-12-31T00:00:00Z"), notAfter: new Date("2026-01-31T00:00:00Z") },
  predecessor: FIRST.fingerprint,
});
const LOST = certificateRecord({ serial: "03", nodeName: "node-2", state: "revoked" });

test("list shows a line for each signer of a node", async () => {
  server.certificates.records.push(
    SECOND,
    FIRST,
    LOST,
    certificateRecord({ serial: "04", signerName: "kubernetes.io/kubelet-serving" }),
  );
  server.quarantined.add("node-2");
  expect(await server.command(["node", "list"])).toEqual({
    code: 0,
    stdout: [
      "NAME                   SIGNER                                        STATE   SERIAL   NOT AFTER              RENEWS UNTIL",
      "node-1                 kubernetes.io/kube-apiserver-client-kubelet   fresh   02       2026-01-31T00:00:00Z   2026-01-27T21:36:00Z",
      "                       kubernetes.io/kubelet-serving                 fresh   04       2026-02-01T00:00:00Z   2026-01-28T21:36:00Z",
      "node-2 (quarantined)   kubernetes.io/kube-apiserver-client-kubelet   lost    03       2026-02-01T00:00:00Z   2026-01-28T21:36:00Z",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("list passes its filters on", async () => {
  server.certificates.records.push(SECOND, LOST);
  server.quarantined.add("node-2");
  const names = async (...args: readonly string[]) => {
    const { stdout } = await server.command(["node", "list", "-o", "json", ...args]);
    return JSON.parse(stdout).items.map(({ name }: { name: string }) => name);
  };
  expect(await names("--state", "lost")).toEqual(["node-2"]);
  expect(await names("--state", "overdue")).toEqual([]);
  expect(await names("--quarantined")).toEqual(["node-2"]);
  expect(await names("--limit", "0")).toEqual(["node-1", "node-2"]);
});

test("list says when there are more than it shows, and when there are none", async () => {
  expect(await server.command(["node", "list"])).toEqual({ code: 0, stdout: "", stderr: "No nodes.\n" });
  server.certificates.records.push(SECOND, LOST);
  const { stderr } = await server.command(["node", "list", "--limit", "1"]);
  expect(stderr).toBe("There are more than these 1; --limit 0 shows all.\n");
});

test("show tells what a node has, and what replaced what", async () => {
  server.certificates.records.push(SECOND, FIRST);
  expect(await server.command(["node", "show", "node-1"])).toEqual({
    code: 0,
    stdout: [
      "Name:                                          node-1",
      "State:                                         fresh",
      "Quarantined:                                   no",
      "kubernetes.io/kube-apiserver-client-kubelet:   fresh: 02 until 2026-01-31T00:00:00Z; the kubelet renews it between 2026-01-21T16:48:00Z and 2026-01-27T21:36:00Z",
      "",
      "SERIAL   SIGNER                                        STATE     NOT BEFORE             NOT AFTER              REPLACES   RENEWED",
      "02       kubernetes.io/kube-apiserver-client-kubelet   valid     2025-12-31T00:00:00Z   2026-01-31T00:00:00Z   01         <none>",
      "01       kubernetes.io/kube-apiserver-client-kubelet   expired   2025-12-02T00:00:00Z   2026-01-01T00:00:00Z   <none>     2025-12-31T00:00:00Z (late)",
      "",
    ].join("\n"),
    stderr: "",
  });
  const { stdout } = await server.command(["node", "show", "node-1", "-o", "yaml"]);
  expect(parse(stdout)).toMatchObject({ kind: "Node", name: "node-1", hasMoreCertificates: false });
});

test("show says what was not renewed in time, and that there is more", async () => {
  server.certificates.records.push(FIRST);
  server.certificates.continueToken = "more";
  const { stdout } = await server.command(["node", "show", "node-1"]);
  expect(stdout).toContain("   <none>     not in time\n");
  expect(stdout).toContain("Older ones are not shown; certificate list --node has all.\n");
});

test("show of an unknown node is a failure in the server's words", async () => {
  const stderr = 'error: no certificate of node "node-9" is on record\n';
  expect(await server.command(["node", "show", "node-9"])).toEqual({ code: 1, stdout: "", stderr });
});
