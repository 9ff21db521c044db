import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { CONFIG, type Manifest, parseManifests } from "../end-to-end/support/rendered-manifests.ts";

const DIRECTORY = join(CONFIG, "kubernetes");
/** Every directory that `kubectl apply -k` or a kustomization of somebody's own may name. */
const KUSTOMIZATIONS = readdirSync(DIRECTORY, { recursive: true, encoding: "utf8" }).flatMap(
  (path) => /^(.*?)\/?kustomization\.yaml$/.exec(path)?.[1] ?? [],
);
/** What is no manifest, or is one that the kubelet applies. */
const OTHERS = ["kustomization.yaml", "gatehouse.yaml", "pod.yaml"];

const manifestsOf = (file: string): readonly Manifest[] => parseManifests(readFileSync(join(DIRECTORY, file), "utf8"));

/** All objects of a kind, wherever they are. */
function all(kind: RegExp): readonly Manifest[] {
  const files = readdirSync(DIRECTORY, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));
  return files.flatMap(manifestsOf).filter((manifest) => kind.test(manifest.kind));
}

describe.each(KUSTOMIZATIONS)("config/kubernetes/%s", (directory) => {
  test("applies every manifest that it has", () => {
    const { resources } = parse(readFileSync(join(DIRECTORY, directory, "kustomization.yaml"), "utf8"));
    const files = readdirSync(join(DIRECTORY, directory)).filter((name) => name.endsWith(".yaml"));
    expect(resources.filter((name: string) => name.endsWith(".yaml")).sort()).toEqual(
      files.filter((name) => !OTHERS.includes(name)).sort(),
    );
  });
});

test("the configuration is valid, and the rights are for the objects that it names", () => {
  const { cluster, server } = loadConfiguration({ configFile: join(DIRECTORY, "gatehouse.yaml") });
  const { namespace, name } = cluster.leaderElection;
  const roles = manifestsOf("rbac/rbac.yaml").filter(({ kind }) => kind === "Role");
  const mayUse = (where: string, what: string) =>
    roles
      .filter(({ metadata }) => metadata.namespace === where)
      .some((role) => JSON.stringify(role["rules"]).includes(`"resourceNames":["${what}"]`));
  expect(mayUse(namespace, name)).toBe(true);
  expect(mayUse(cluster.trustBundle.configMap?.namespace ?? "", cluster.trustBundle.configMap?.name ?? "")).toBe(true);
  const [service] = manifestsOf("service.yaml");
  expect(server.names).toEqual([`${service?.metadata.name}.${service?.metadata.namespace}.svc`]);
});

test("the static pod has what its configuration names, and as little else as pods of the cluster", () => {
  const [pod] = manifestsOf("static-pod/pod.yaml");
  const { spec } = pod as unknown as { spec: PodSpec };
  const [container] = spec.containers;
  const { issuer, encryption, approval, cluster } = loadConfiguration({
    configFile: join(DIRECTORY, "static-pod/gatehouse.yaml"),
  });
  const where = join(DIRECTORY, "static-pod");
  expect(issuer.import).toMatchObject({ keyFile: join(where, "issuer/tls.key") });
  expect(encryption).toEqual({ keyFile: join(where, "encryption/key") });
  const base = loadConfiguration({ configFile: join(DIRECTORY, "gatehouse.yaml") });
  expect({ approval, cluster }).toEqual({ approval: base.approval, cluster: base.cluster });
  const [set] = manifestsOf("controller.yaml");
  const inCluster = (set as unknown as { spec: { template: { spec: PodSpec } } }).spec.template.spec;
  expect(container?.securityContext).toEqual(inCluster.containers[0]?.securityContext);
  const { fsGroup: _, ...user } = inCluster.securityContext;
  expect(spec.securityContext).toEqual(user);
  const paths = spec.volumes.flatMap(({ hostPath }) => hostPath?.path ?? []);
  expect(paths.sort()).toEqual(["/etc/kubernetes/gatehouse", "/var/lib/gatehouse"]);
});

interface PodSpec {
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly { readonly securityContext: object }[];
  readonly volumes: readonly { readonly hostPath?: { readonly path: string } }[];
}

test("everything belongs to one service account", () => {
  const [account] = manifestsOf("rbac/service-account.yaml");
  const subject = { kind: "ServiceAccount", name: account?.metadata.name, namespace: account?.metadata.namespace };
  const bindings = all(/Binding$/);
  expect(bindings.length).toBeGreaterThan(3);
  for (const binding of bindings) expect(binding["subjects"]).toEqual([subject]);
  expect(JSON.stringify(manifestsOf("controller.yaml"))).toContain(`"serviceAccountName":"${account?.metadata.name}"`);
});

test("no rule has a wildcard", () => {
  const roles = all(/Role$/);
  expect(roles.length).toBeGreaterThan(3);
  expect(JSON.stringify(roles)).not.toContain('"*"');
});
