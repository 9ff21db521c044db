import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { findKubernetesProgram } from "../end-to-end/support/kubernetes-programs.ts";
import {
  CONFIG,
  helmLinted,
  helmRendered,
  kustomized,
  type Manifest,
  parseManifests,
} from "../end-to-end/support/rendered-manifests.ts";

const helm = findKubernetesProgram("helm") ?? "";
const kubectl = findKubernetesProgram("kubectl") ?? "";
/** A machine without these has nothing to show here; its run says so as skipped tests. */
const describeIfFound = helm === "" || kubectl === "" ? describe.skip : describe;

const BASE = join(CONFIG, "kubernetes");
const COMPONENTS = ["kubelet-serving", "cluster-trust-bundle", "pod-certificates", "service-monitor"];
/** Whose rights the manifests grant; of a signer of one's own they are added where it is named. */
const KUBERNETES_SIGNERS = ["kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving"].map(
  (name) => `kubernetes.io/${name}`,
);
const NODES = { nodeObject: { kubeconfigFile: "/etc/gatehouse/nodes/nodes.kubeconfig" } };

/** By name, without what tells that a ConfigMap has changed: kustomize changes its name, the chart annotates pods. */
function byName(objects: readonly Manifest[]): Readonly<Record<string, unknown>> {
  const texts = objects.map((object) =>
    JSON.stringify(object).replaceAll(/(gatehouse-(configuration|nodes))-[a-z0-9]{10}"/g, '$1"'),
  );
  const plain = texts.map((text) => {
    const object = JSON.parse(text);
    delete object.spec?.template?.metadata?.annotations;
    for (const [key, value] of Object.entries(object.data ?? {})) object.data[key] = parse(value as string);
    return object as Manifest;
  });
  return Object.fromEntries(
    plain.map((object) => [`${object.kind} ${object.metadata.namespace ?? ""}/${object.metadata.name}`, object]),
  );
}

const isNoNamespace = ({ kind }: Manifest): boolean => kind !== "Namespace";

/** The base with everything that may be added to it. */
function everything(): string {
  const directory = join(temporaryDirectory(), "overlay");
  mkdirSync(directory);
  // kustomize knows no absolute paths.
  const base = relative(directory, BASE);
  const components = COMPONENTS.map((name) => join(base, "components", name));
  writeFileSync(join(directory, "kustomization.yaml"), JSON.stringify({ resources: [base], components }));
  return directory;
}

describeIfFound("the chart", () => {
  test("has no fault that helm lint knows", () => {
    expect(helmLinted(helm)).toContain("1 chart(s) linted, 0 chart(s) failed");
  });

  test("makes what kustomize makes, but the Namespace, object by object", () => {
    const made = byName(parseManifests(helmRendered(helm)));
    expect(Object.keys(made).length).toBeGreaterThan(10);
    expect(made).toEqual(byName(parseManifests(kustomized(kubectl, BASE)).filter(isNoNamespace)));
  });

  test("makes what kustomize makes with every component, when the configuration asks for it", () => {
    const configuration = {
      approval: { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "kubelet-serving": { sources: [NODES] } }] },
      signers: [{ signerName: "example.com/pods", issuer: "default", profile: { pods: { usages: ["client auth"] } } }],
      cluster: { signers: KUBERNETES_SIGNERS, trustBundle: { configMap: {}, clusterTrustBundle: "gatehouse" } },
    };
    const made = byName(parseManifests(helmRendered(helm, { configuration, serviceMonitor: { enabled: true } })));
    const expected = byName(parseManifests(kustomized(kubectl, everything())).filter(isNoNamespace));
    const { "ConfigMap gatehouse-system/gatehouse-configuration": _, ...others } = made;
    const { "ConfigMap gatehouse-system/gatehouse-configuration": __, ...others2 } = expected;
    expect(others).toEqual(others2);
  });

  test("grants what the configuration names, and nothing that it leaves out", () => {
    const cluster = {
      ...{ signers: ["kubernetes.io/kubelet-serving"], events: "none", trustBundle: { configMap: null } },
      leaderElection: { namespace: "elections", name: "turns" },
    };
    const roles = parseManifests(helmRendered(helm, { configuration: { cluster } })).filter(({ kind }) =>
      kind.endsWith("Role"),
    );
    const text = JSON.stringify(roles);
    expect(roles.map(({ metadata }) => metadata.namespace ?? "")).toEqual(["", "elections"]);
    expect(text).toContain('"resourceNames":["kubernetes.io/kubelet-serving"]');
    expect(text).toContain('"resourceNames":["turns"]');
    expect(text).not.toMatch(/events|configmaps|kube-apiserver-client/);
  });

  test("needs no Secret with the CA's key where that is in a token", () => {
    const text = readFileSync(join(CONFIG, "helm/key-in-token.yaml"), "utf8");
    const objects = parseManifests(helmRendered(helm, parse(text)));
    const configured = objects.find(({ metadata }) => metadata.name === "gatehouse-configuration");
    const configFile = join(temporaryDirectory(), "gatehouse.yaml");
    const { "gatehouse.yaml": made = "" } = Object(configured?.["data"]) as Record<string, string>;
    writeFileSync(configFile, made);
    const { issuer } = loadConfiguration({ configFile });
    expect(issuer).toMatchObject({ token: "hsm", import: { certificateFile: "/etc/gatehouse/ca/ca.crt" } });
    expect(issuer.import?.keyFile).toBeUndefined();
    expect(JSON.stringify(objects)).not.toContain("gatehouse-issuer");
  });

  test("starts new pods when the configuration changes", () => {
    const sumOf = (values: object): string | undefined =>
      /checksum\/configuration: (\w+)/.exec(helmRendered(helm, values))?.[1];
    expect(sumOf({})).toHaveLength(createHash("sha256").digest("hex").length);
    expect(sumOf({ configuration: { log: { level: "debug" } } })).not.toBe(sumOf({}));
    expect(sumOf({ replicas: 3 })).toBe(sumOf({}));
  });

  test.each([
    { name: "a value that there is not", values: { replica: 3 }, said: "replica" },
    { name: "no replica", values: { replicas: 0 }, said: "replicas" },
    { name: "a digest that is none", values: { image: { digest: "latest" } }, said: "digest" },
    {
      name: "a listener that probes do not reach",
      values: { configuration: { server: { listen: "127.0.0.1:9443" } } },
      said: "listen",
    },
    { name: "no secret to encrypt with", values: { secrets: { encryption: "" } }, said: "encryption" },
    {
      name: "another place for the data than the volume",
      values: { configuration: { dataDirectory: "x" } },
      said: "dataDirectory",
    },
  ])("refuses $name", ({ values, said }) => {
    expect(() => helmRendered(helm, values)).toThrow(said);
  });
});
