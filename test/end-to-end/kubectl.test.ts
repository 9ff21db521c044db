import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { findKubectls, type Kubectl, kubectlWith } from "./support/kubectl.ts";
import { requestManifest } from "./support/request-manifest.ts";

jest.setTimeout(120_000);

const binaries = findKubectls();
/** A machine without kubectl has nothing to show here; its run says so as skipped tests. */
const describeEach =
  binaries.length > 0 ? describe.each(binaries) : describe.skip.each([{ version: "(none found)", path: "" }]);

let gatehouse: GatehouseProcess;
beforeAll(async () => {
  gatehouse = await startGatehouse();
});
afterAll(() => gatehouse.remove());

describeEach("kubectl $version", (binary) => {
  let kubectl: Kubectl;
  const prefix = `k${binary.version.replaceAll(/[^0-9]+/g, "-")}`;
  const named = (suffix: string): string => `${prefix}-${suffix}`;
  beforeAll(() => {
    kubectl = kubectlWith(binary, gatehouse.adminKubeconfig);
  });
  afterAll(() => kubectl.remove());

  /** Creates a request of that name and returns the manifest. */
  const create = (name: string, more: Partial<Parameters<typeof requestManifest>[0]> = {}): string => {
    const input = requestManifest({ name, ...more });
    expect(kubectl.must(["create", "-f", "-"], { input })).toBe(
      `certificatesigningrequest.certificates.k8s.io/${name} created\n`,
    );
    return input;
  };
  const read = (name: string) =>
    JSON.parse(kubectl.must(["get", "csr", name, "-o", "json"])) as {
      metadata: { labels?: Record<string, string>; annotations?: Record<string, string>; finalizers?: string[] };
      spec: { request: string; username: string; groups: string[] };
      status: { certificate?: string; conditions?: { type: string; reason: string; message: string }[] };
    };

  test("version", () => {
    const { serverVersion } = JSON.parse(kubectl.must(["version", "-o", "json"]));
    expect(serverVersion).toMatchObject({
      major: "1",
      minor: "36",
      gitVersion: expect.stringContaining("-gatehouse."),
    });
  });

  test("api-resources and api-versions", () => {
    const resources = kubectl.must(["api-resources", "-o", "wide"]);
    expect(resources).toMatch(
      /^certificatesigningrequests +csr +certificates\.k8s\.io\/v1 +false +CertificateSigningRequest +create,delete,/m,
    );
    expect(resources).toMatch(/^selfsubjectreviews +authentication\.k8s\.io\/v1 /m);
    expect(kubectl.must(["api-versions"]).trim().split("\n")).toEqual([
      "authentication.k8s.io/v1",
      "authentication.k8s.io/v1beta1",
      "authorization.k8s.io/v1",
      "certificates.k8s.io/v1",
      "rbac.authorization.k8s.io/v1",
      "v1",
    ]);
  });

  test("explain", () => {
    const recursive = kubectl.must(["explain", "csr.spec", "--recursive"]);
    for (const field of ["request", "signerName", "usages", "expirationSeconds"]) {
      expect(recursive).toMatch(new RegExp(`^ +${field}\t<`, "m"));
    }
    expect(kubectl.must(["explain", "csr.status.conditions"])).toMatch(/lastTransitionTime\t<string>/);
    expect(kubectl.must(["explain", "certificatesigningrequests.metadata.finalizers"])).toContain("<[]string>");
    expect(kubectl.must(["explain", "csr", "--output=plaintext-openapiv2"])).toMatch(/spec\t<Object> -required-/);
  });

  test("create with validation, get in every form, describe", () => {
    const name = named("get");
    const input = create(name, { labels: { team: "a" } });
    expect(kubectl.run(["create", "-f", "-"], { input })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("AlreadyExists"),
    });
    const [header, row] = kubectl.must(["get", "csr", name]).split("\n");
    expect(header?.split(/ {2,}/)).toEqual(
      ["NAME", "AGE", "SIGNERNAME", "REQUESTOR", "REQUESTEDDURATION", "CONDITION"].map((title, index) =>
        index === 0 ? expect.stringMatching(/^NAME/) : expect.stringContaining(title),
      ),
    );
    expect(row).toMatch(/^\S+ +\d+s +kubernetes\.io\/kube-apiserver-client +gatehouse-admin +<none> +Pending *$/);
    expect(kubectl.must(["get", "csr", name, "-o", "wide"])).toContain("Pending");
    expect(kubectl.must(["get", "csr", name, "-o", "name"])).toBe(
      `certificatesigningrequest.certificates.k8s.io/${name}\n`,
    );
    expect(kubectl.must(["get", "csr", name, "-o", "yaml"])).toMatch(
      /^ {2}signerName: kubernetes\.io\/kube-apiserver-client$/m,
    );
    const { spec } = read(name);
    expect(spec.username).toBe("gatehouse-admin");
    expect(spec.groups).toEqual(expect.arrayContaining(["gatehouse:administrators", "system:authenticated"]));
    expect(kubectl.must(["get", "csr", "-l", "team=a", "-o", "name"])).toContain(name);
    expect(kubectl.must(["get", "csr", "-l", "team=b", "-o", "name"])).not.toContain(name);
    expect(kubectl.must(["get", "csr", "--field-selector", `metadata.name=${name}`, "-o", "name"])).toContain(name);
    expect(kubectl.must(["get", "csr", "-L", "team"])).toMatch(new RegExp(`^${name} .* a$`, "m"));
    expect(kubectl.must(["get", "csr", "--chunk-size=1", "-o", "name"])).toContain(name);
    const described = kubectl.must(["describe", "csr", name]);
    expect(described).toMatch(/^Requesting User: +gatehouse-admin$/m);
    expect(described).toMatch(/^ +Common Name: +jane$/m);
    expect(described).toMatch(/^Status: +Pending$/m);
  });

  test("an unknown field is refused, warned about, or ignored, as asked", () => {
    const input = requestManifest({ name: named("unknown"), spec: { colour: "blue" } });
    expect(kubectl.run(["create", "-f", "-"], { input })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('unknown field "spec.colour"'),
    });
    const warned = kubectl.run(["create", "-f", "-", "--validate=warn"], { input });
    expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining('Warning: unknown field "spec.colour"') });
    kubectl.must(["delete", "csr", named("unknown")]);
    expect(kubectl.run(["create", "-f", "-", "--validate=ignore"], { input })).toMatchObject({ code: 0, stderr: "" });
  });

  test("a bad request is refused with every reason", () => {
    const input = requestManifest({ name: named("bad"), signerName: "nowhere", usages: ["client auth", "juggling"] });
    const { code, stderr } = kubectl.run(["create", "-f", "-"], { input });
    expect(code).toBe(1);
    expect(stderr).toContain("spec.signerName: Invalid value");
    expect(stderr).toContain("spec.usages[1]: Unsupported value");
  });

  test("a dry run changes nothing", () => {
    const input = requestManifest({ name: named("dry") });
    expect(kubectl.must(["create", "-f", "-", "--dry-run=server"], { input })).toContain("created (server dry run)");
    expect(kubectl.must(["apply", "-f", "-", "--dry-run=server"], { input })).toContain("created (server dry run)");
    expect(kubectl.run(["get", "csr", named("dry")])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NotFound"),
    });
    create(named("kept"));
    expect(kubectl.must(["delete", "csr", named("kept"), "--dry-run=server"])).toContain("(server dry run)");
    expect(kubectl.must(["label", "csr", named("kept"), "a=b", "--dry-run=server"])).toContain("(server dry run)");
    expect(read(named("kept")).metadata.labels).toBeUndefined();
  });

  test("apply: created, unchanged, configured; replace; edit", () => {
    const name = named("apply");
    const input = requestManifest({ name, labels: { team: "a" } });
    const apply = (manifest: string): string => kubectl.must(["apply", "-f", "-"], { input: manifest });
    const resource = `certificatesigningrequest.certificates.k8s.io/${name}`;
    expect(apply(input)).toBe(`${resource} created\n`);
    expect(apply(input)).toBe(`${resource} unchanged\n`);
    expect(apply(input.replace("team: a", "team: b"))).toBe(`${resource} configured\n`);
    expect(read(name).metadata.labels).toEqual({ team: "b" });
    expect(apply(input.replace(/\n {2}labels:\n.*\n/, "\n"))).toBe(`${resource} configured\n`);
    expect(read(name).metadata.labels).toBeUndefined();
    expect(kubectl.must(["replace", "-f", "-"], { input })).toBe(`${resource} replaced\n`);
    const environment = { KUBE_EDITOR: "sed -i s/team:.a/team:\\ c/" };
    expect(kubectl.must(["edit", "csr", name], { environment })).toBe(`${resource} edited\n`);
    expect(read(name).metadata.labels).toEqual({ team: "c" });
  });

  test("patch in three forms, label, annotate", () => {
    const name = named("patch");
    create(name);
    const patch = (type: string, body: unknown): string =>
      kubectl.must(["patch", "csr", name, "--type", type, "-p", JSON.stringify(body)]);
    const resource = `certificatesigningrequest.certificates.k8s.io/${name}`;
    expect(patch("merge", { metadata: { labels: { a: "1" } } })).toBe(`${resource} patched\n`);
    expect(patch("merge", { metadata: { labels: { a: "1" } } })).toBe(`${resource} patched (no change)\n`);
    patch("json", [{ op: "add", path: "/metadata/labels/b", value: "2" }]);
    patch("strategic", { metadata: { labels: { c: "3" }, finalizers: ["example.com/one"] } });
    patch("strategic", { metadata: { finalizers: ["example.com/two"] } });
    const { labels: patched, finalizers = [] } = read(name).metadata;
    expect(patched).toEqual({ a: "1", b: "2", c: "3" });
    expect(finalizers.toSorted()).toEqual(["example.com/one", "example.com/two"]);
    patch("json", [{ op: "remove", path: "/metadata/finalizers" }]);
    // Newer ones say that labels came and went.
    expect(kubectl.must(["label", "csr", name, "d=4", "a-"])).toMatch(new RegExp(`^${resource} (labeled|modified)\n$`));
    expect(kubectl.run(["label", "csr", name, "d=5"])).toMatchObject({ code: 1 });
    kubectl.must(["annotate", "csr", name, "example.com/note=looked at"]);
    const { labels, annotations } = read(name).metadata;
    expect(labels).toEqual({ b: "2", c: "3", d: "4" });
    expect(annotations).toMatchObject({ "example.com/note": "looked at" });
    const { spec } = read(name);
    patch("merge", { spec: { request: "bm90aGluZw==" } });
    expect(read(name).spec).toEqual(spec);
  });

  test("watch one and all, approve, and the certificate is there", async () => {
    const name = named("watch");
    create(name);
    const one = kubectl.start(["get", "csr", name, "-w"]);
    const all = kubectl.start(["get", "csr", "-w", "--output-watch-events"]);
    const wait = kubectl.start(["wait", "--for=condition=Approved", `csr/${name}`, "--timeout=60s"]);
    await Promise.all([one.waitFor(/Pending/), all.waitFor(new RegExp(`${name}.*Pending`))]);
    expect(kubectl.must(["certificate", "approve", name])).toBe(
      `certificatesigningrequest.certificates.k8s.io/${name} approved\n`,
    );
    await one.waitFor(/Approved,Issued/);
    await all.waitFor(new RegExp(`MODIFIED +${name}.*Approved,Issued`));
    await wait.waitFor(/condition met/);
    kubectl.must(["delete", "csr", name]);
    await all.waitFor(new RegExp(`DELETED +${name}`));
    await Promise.all([one.stop(), all.stop()]);
  });

  test("approve: the certificate is what was asked for, signed by the CA", async () => {
    const name = named("approve");
    create(name);
    kubectl.must(["certificate", "approve", name]);
    expect(kubectl.must(["certificate", "approve", name])).toContain("approved");
    const issued = kubectl.start(["get", "csr", name, "-w"]);
    await issued.waitFor(/Approved,Issued/);
    await issued.stop();
    const { status } = read(name);
    expect(status.conditions).toEqual([expect.objectContaining({ type: "Approved", reason: "KubectlApprove" })]);
    const pem = Buffer.from(status.certificate ?? "", "base64").toString();
    const certificate = new X509Certificate(pem);
    expect(certificate.subject.split("\n")).toEqual(["O=developers", "CN=jane"]);
    expect(certificate.verify(new X509Certificate(readFileSync(gatehouse.caFile)).publicKey)).toBe(true);
    expect(kubectl.must(["describe", "csr", name])).toMatch(/^Status: +Approved,Issued$/m);
    const { code, stderr } = kubectl.run(["certificate", "deny", name]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("already") });
  });

  test("deny", () => {
    const name = named("deny");
    create(name);
    expect(kubectl.must(["certificate", "deny", name])).toContain("denied");
    expect(read(name).status).toEqual({
      conditions: [expect.objectContaining({ type: "Denied", reason: "KubectlDeny" })],
    });
    expect(kubectl.must(["get", "csr", name])).toMatch(/Denied/);
  });

  test("delete: by name, by file, by label", () => {
    const batch = named("batch");
    const input = create(named("delete-1"), { labels: { batch } });
    create(named("delete-2"), { labels: { batch } });
    create(named("delete-3"), { labels: { batch } });
    expect(kubectl.must(["delete", "-f", "-"], { input })).toContain(`"${named("delete-1")}" deleted`);
    expect(kubectl.must(["delete", "csr", named("delete-2"), "--wait=false"])).toContain("deleted");
    expect(kubectl.must(["delete", "csr", "-l", `batch=${batch}`])).toContain(`"${named("delete-3")}" deleted`);
    expect(kubectl.must(["get", "csr", "-l", `batch=${batch}`, "-o", "name"])).toBe("");
    expect(kubectl.run(["delete", "csr", named("delete-1")])).toMatchObject({ code: 1 });
  });

  test("auth: whoami, can-i, impersonation", () => {
    expect(kubectl.must(["auth", "whoami"])).toMatch(/Username +gatehouse-admin/);
    const asNode = ["--as=system:node:worker-1", "--as-group=system:nodes", "--as-group=system:authenticated"];
    const node = kubectl.must(["auth", "whoami", "-o", "json", ...asNode]);
    expect(JSON.parse(node).status.userInfo).toMatchObject({ username: "system:node:worker-1" });
    expect(kubectl.must(["auth", "can-i", "delete", "csr"])).toBe("yes\n");
    expect(kubectl.run(["auth", "can-i", "delete", "csr", ...asNode])).toMatchObject({ code: 1, stdout: "no\n" });
    expect(kubectl.must(["auth", "can-i", "create", "csr", ...asNode])).toBe("yes\n");
    expect(kubectl.must(["auth", "can-i", "get", "/metrics"])).toBe("yes\n");
    expect(kubectl.must(["auth", "can-i", "--list"])).toMatch(/\*\.\* +\[\] +\[\] +\[\*\]/);
    expect(kubectl.must(["auth", "can-i", "--list", ...asNode])).toMatch(
      /certificatesigningrequests\.certificates\.k8s\.io/,
    );
    expect(kubectl.run(["delete", "csr", named("get"), ...asNode])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('User "system:node:worker-1" cannot delete resource'),
    });
    const bootstrap = kubectlWith(binary, gatehouse.bootstrapKubeconfig);
    expect(bootstrap.must(["auth", "whoami"])).toMatch(/Username +system:bootstrap:[a-z0-9]{6}/);
    bootstrap.must(["get", "csr"]);
    expect(bootstrap.run(["get", "csr", "--as=gatehouse-admin"])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Forbidden.*cannot impersonate/),
    });
    bootstrap.remove();
  });

  test("a node's request, made with the bootstrap token, waits for a person", async () => {
    const name = named("node");
    const bootstrap = kubectlWith(binary, gatehouse.bootstrapKubeconfig);
    const input = requestManifest({
      name,
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["digital signature", "client auth"],
      csr: { commonName: `system:node:${prefix}`, organizations: ["system:nodes"] },
    });
    bootstrap.must(["create", "-f", "-"], { input });
    expect(read(name).status).toEqual({});
    kubectl.must(["certificate", "approve", name]);
    const watched = bootstrap.start(["get", "csr", name, "-w"]);
    await watched.waitFor(/Approved,Issued/);
    await watched.stop();
    bootstrap.remove();
  });
});
