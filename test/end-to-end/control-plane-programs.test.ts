import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { type ControlPlaneFiles, initializeControlPlane } from "./support/control-plane-files.ts";
import { HttpsClient } from "./support/https-client.ts";
import { findKubectls, type Kubectl, kubectlWith } from "./support/kubectl.ts";
import { findControlPlane, freePorts } from "./support/real-apiserver.ts";
import { type ControlPlanePorts, startTlsControlPlane } from "./support/tls-control-plane.ts";

jest.setTimeout(180_000);

const programs = findControlPlane();
const kubectl = findKubectls().at(-1);
const describeWithControlPlane = programs === undefined || kubectl === undefined ? describe.skip : describe;

describeWithControlPlane("etcd and kube-apiserver, if KUBEBUILDER_ASSETS and PATH have them and kubectl", () => {
  let files: ControlPlaneFiles;
  let ports: ControlPlanePorts;
  let controlPlane: { stop(): Promise<void> };
  const started: Kubectl[] = [];

  beforeAll(async () => {
    if (programs === undefined) return;
    const [etcd = 0, peer = 0, apiserver = 0] = await freePorts(3);
    ports = { etcd, peer, apiserver };
    const outcome = await initializeControlPlane(temporaryDirectory(), [
      ...["--external-ca", "--apiserver-bind-port", `${apiserver}`],
    ]);
    expect(outcome.code).toBe(0);
    files = outcome;
    controlPlane = await startTlsControlPlane(programs, files, ports);
    // As kubeadm does: the group of admin.conf gets its rights from the super-administrator.
    as("super-admin.conf").must([
      ...["create", "clusterrolebinding", "kubeadm:cluster-admins"],
      ...["--clusterrole=cluster-admin", "--group=kubeadm:cluster-admins"],
    ]);
  });
  afterAll(async () => {
    await controlPlane?.stop();
    for (const one of started) one.remove();
  });

  function as(name: string): Kubectl {
    if (kubectl === undefined) throw new Error("there is no kubectl");
    const one = kubectlWith(kubectl, files.kubeconfig(name));
    started.push(one);
    return one;
  }

  test.each([
    { name: "admin.conf", user: "kubernetes-admin", group: "kubeadm:cluster-admins" },
    { name: "super-admin.conf", user: "kubernetes-super-admin", group: "system:masters" },
    { name: "controller-manager.conf", user: "system:kube-controller-manager", group: undefined },
    { name: "scheduler.conf", user: "system:kube-scheduler", group: undefined },
    { name: "kubelet.conf", user: "system:node:cp-1", group: "system:nodes" },
  ])("kubectl with $name is $user", ({ name, user, group }) => {
    const { status } = JSON.parse(as(name).must(["auth", "whoami", "-o", "json"]));
    const groups = [...(group === undefined ? [] : [group]), "system:authenticated"];
    expect(status.userInfo).toMatchObject({ username: user, groups });
  });

  test("an administrator writes to the cluster, and so to etcd, and reads it back", () => {
    const admin = as("admin.conf");
    admin.must(["create", "configmap", "greeting", "--from-literal=hello=world"]);
    expect(admin.must(["get", "configmap", "greeting", "-o", "jsonpath={.data.hello}"])).toBe("world");
  });

  test("tokens signed with sa.key are known by sa.pub", () => {
    const admin = as("admin.conf");
    admin.must(["create", "serviceaccount", "robot"]);
    const token = admin.must(["create", "token", "robot"]).trim();
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
    const answer = admin.must(["create", "-o", "json", "-f", "-"], { input: JSON.stringify(review) });
    expect(JSON.parse(answer).status).toMatchObject({
      authenticated: true,
      user: { username: "system:serviceaccount:default:robot" },
    });
  });

  test("the front proxy may say who calls, and nobody else may", async () => {
    const caPem = readFileSync(files.file("ca.crt"), "utf8");
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const ask = async (name: string) => {
      const { certificateFile, keyFile } = files.end(name);
      const pair = {
        certificatePem: readFileSync(certificateFile, "utf8"),
        privateKeyPem: readFileSync(keyFile, "utf8"),
      };
      const client = new HttpsClient(`https://127.0.0.1:${ports.apiserver}`, { caPem, ...pair });
      const headers = {
        "content-type": "application/json",
        "x-remote-user": "jane",
        "x-remote-group": "system:masters",
      };
      const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
      const { body } = await client.send("POST", path, { headers, body: JSON.stringify(review) });
      client.close();
      return JSON.parse(body.toString()).status?.userInfo?.username;
    };
    expect(await ask("front-proxy-client")).toBe("jane");
    expect(await ask("admin.conf")).toBe("kubernetes-admin");
  });

  test("etcd tells its health to the health check's certificate and to no stranger's", async () => {
    const caPem = readFileSync(files.file("etcd/ca.crt"), "utf8");
    const ask = async (name: string): Promise<string> => {
      const { certificateFile, keyFile } = files.end(name);
      const pair = {
        certificatePem: readFileSync(certificateFile, "utf8"),
        privateKeyPem: readFileSync(keyFile, "utf8"),
      };
      const client = new HttpsClient(`https://127.0.0.1:${ports.etcd}`, { caPem, ...pair });
      const { body } = await client.send("GET", "/health").finally(() => client.close());
      return JSON.parse(body.toString()).health;
    };
    expect(await ask("etcd/healthcheck-client")).toBe("true");
    await expect(ask("front-proxy-client")).rejects.toThrow();
  });

  test("a renewal leaves what is in use working", async () => {
    if (programs === undefined) return;
    await controlPlane.stop();
    const root = join(files.directory, "..");
    const options = [
      "--external-ca",
      "--apiserver-bind-port",
      `${ports.apiserver}`,
      "--renew",
      "--renew-before",
      "400d",
    ];
    const { code, stdout } = await initializeControlPlane(root, options);
    expect([code, stdout.match(/ renewed /g)?.length]).toEqual([0, 11]);
    controlPlane = await startTlsControlPlane(programs, files, ports);
    expect(as("admin.conf").must(["get", "configmap", "greeting", "-o", "name"])).toBe("configmap/greeting\n");
  });
});
