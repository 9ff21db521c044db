import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { createPsatAttestor } from "../../services/certificate-authority/attestation/psat/attestor.ts";
import type { PsatSettings } from "../../services/certificate-authority/attestation/psat/settings.ts";
import { boundAudience } from "../../services/shared/attestation/bind.ts";
import { certificateUser, kubeconfigText } from "../builders/kubeconfig.ts";
import { ATTESTATION_AUDIENCE, attestorTools, proofInput, refusalIn } from "../builders/proof-input.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { makeClient } from "./support/client-certificates.ts";
import { HttpsClient } from "./support/https-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import { findControlPlane, type RealApiserver, startRealApiserver } from "./support/real-apiserver.ts";

jest.setTimeout(120_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeWhere = programs === undefined ? describe.skip : describe;

describeWhere("pods of a real kube-apiserver as machines", () => {
  const directory = temporaryDirectory();
  let apiserver: RealApiserver;
  let masters: HttpsClient;
  let settings: PsatSettings;

  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    const headers = { "content-type": "application/json" };
    const answer = await masters.send(method, path, body === undefined ? {} : { headers, body: JSON.stringify(body) });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`);
    return JSON.parse(answer.body.toString()) as T;
  }

  beforeAll(async () => {
    const authority = makeAuthority(directory, { commonName: "cluster", kind: "ecdsa-p384" });
    apiserver = await startRealApiserver({
      programs: programs ?? { etcd: "", "kube-apiserver": "", "kube-controller-manager": "" },
      ...{ directory, authority },
      guards: ["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"],
    });
    masters = new HttpsClient(apiserver.url, apiserver.masters);
    const reviewer = makeClient(directory, authority, "gatehouse", "/CN=gatehouse");
    const caPem = readFileSync(authority.certificateFile, "utf8");
    const kubeconfig = join(directory, "gatehouse.kubeconfig");
    writeFileSync(kubeconfig, kubeconfigText(apiserver.url, caPem, certificateUser(reviewer)));
    settings = {
      ...{ attestor: "psat", cluster: "mgmt", kubeconfig, timeoutSeconds: 10, machine: "node" },
      serviceAccounts: ["vms:launcher"],
    };
    const rules = [
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
      { apiGroups: [""], resources: ["pods", "nodes"], verbs: ["get"] },
    ];
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    await call("POST", `${rbac}/clusterroles`, { metadata: { name: "gatehouse" }, rules });
    await call("POST", `${rbac}/clusterrolebindings`, {
      metadata: { name: "gatehouse" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "gatehouse" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "gatehouse" }],
    });
    await call("POST", "/api/v1/namespaces", { metadata: { name: "vms" } });
    for (const name of ["launcher", "other"])
      await call("POST", "/api/v1/namespaces/vms/serviceaccounts", { metadata: { name } });
    await call("POST", "/api/v1/nodes", { metadata: { name: "host-1" } });
  });

  afterAll(async () => {
    masters?.close();
    await apiserver?.stop();
  });

  interface Made {
    readonly metadata: { readonly name: string; readonly uid: string };
  }

  function makePod(name: string, serviceAccountName = "launcher"): Promise<Made> {
    return call("POST", "/api/v1/namespaces/vms/pods", {
      metadata: { name },
      spec: { nodeName: "host-1", serviceAccountName, containers: [{ name: "vm", image: "example.com/vm" }] },
    });
  }

  async function tokenOf(pod: Made | undefined, audiences: readonly string[], account = "launcher"): Promise<string> {
    const { name, uid } = pod?.metadata ?? {};
    const boundObjectRef = pod && { apiVersion: "v1", kind: "Pod", name, uid };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences, boundObjectRef } };
    const path = `/api/v1/namespaces/vms/serviceaccounts/${account}/token`;
    return (await call<{ status: { token: string } }>("POST", path, body)).status.token;
  }

  const bind = randomBytes(32);
  const audience = boundAudience(ATTESTATION_AUDIENCE, bind);
  const verify = (token: string, changes: Partial<PsatSettings> = {}) =>
    createPsatAttestor({ ...settings, ...changes }, attestorTools()).verify(proofInput({ bind, proof: { token } }));

  test("a pod's token for this attestation shows the pod and its node", async () => {
    const pod = await makePod("vm-1");
    const node = await call<Made>("GET", "/api/v1/nodes/host-1");
    const token = await tokenOf(pod, [audience]);
    expect(await verify(token)).toMatchObject({
      machineId: `psat:mgmt/node/${node.metadata.uid}`,
      fields: { pod_name: "vm-1", pod_uid: pod.metadata.uid, node_name: "host-1", node_uid: node.metadata.uid },
      isFresh: true,
    });
    expect(await verify(token, { machine: "pod" })).toMatchObject({ machineId: `psat:mgmt/pod/${pod.metadata.uid}` });
  });

  test("tokens for others are refused", async () => {
    const pod = await makePod("vm-2");
    const refusalOf = (token: string, changes: Partial<PsatSettings> = {}) => refusalIn(() => verify(token, changes));
    expect(await refusalOf(await tokenOf(pod, ["https://kubernetes.default.svc"]))).toContain("audience is another");
    expect(await refusalOf(await tokenOf(pod, [audience, "https://kubernetes.default.svc"]))).toContain("one audience");
    expect(await refusalOf(await tokenOf(undefined, [audience]))).toContain("not bound to a pod");
    const foreign = await tokenOf(await makePod("vm-3", "other"), [audience], "other");
    expect(await refusalOf(foreign)).toContain("does not list the service account vms:other");
    const token = await tokenOf(pod, [audience]);
    const parts = token.split(".");
    const forged = [parts[0], parts[1], randomBytes(256).toString("base64url")].join(".");
    expect(await refusalOf(forged)).toContain("does not know the token");
    expect(await refusalOf(await tokenOf(pod, ["gatehouse"]))).toContain("audience is another");
    expect(await verify(await tokenOf(pod, ["gatehouse"]), { replayableAudience: "gatehouse" })).toMatchObject({
      isFresh: false,
    });
  });

  test("a token does not outlive its pod, nor go over to the next one of that name", async () => {
    const token = await tokenOf(await makePod("vm-4"), [audience]);
    expect(await verify(token)).toMatchObject({ isFresh: true });
    await call("DELETE", "/api/v1/namespaces/vms/pods/vm-4", { gracePeriodSeconds: 0 });
    await makePod("vm-4");
    expect(await refusalIn(() => verify(token))).toMatch(/does not know the token|another one than the token's/);
  });
});
