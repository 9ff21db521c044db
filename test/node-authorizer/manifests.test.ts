import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { createNodeAuthorizer } from "../../services/node-authorizer/domain/node-authorizer.ts";
import { type ManifestSettings, manifests } from "../../services/node-authorizer/manifests.ts";

const SHIPPED = join(import.meta.dirname, "..", "..", "config", "node-authorizer");
const SETTINGS: ManifestSettings = {
  url: "https://127.0.0.1:9446",
  mode: "veto",
  rememberedSeconds: undefined,
  directory: "/etc/kubernetes/node-authorizer",
  caPem: "ca",
  clientCertificatePem: "certificate",
  clientKeyPem: "key",
  userName: "gatehouse-node-authorizer",
};

function made(overrides: Partial<ManifestSettings> = {}): ReadonlyMap<string, string> {
  return new Map(manifests({ ...SETTINGS, ...overrides }).map(({ name, content }) => [name, content]));
}

test("what is shipped is what is made", () => {
  const shipped = readdirSync(SHIPPED).filter((name) => name.endsWith(".yaml"));
  expect(shipped.length).toBeGreaterThan(2);
  for (const name of shipped) expect(readFileSync(join(SHIPPED, name), "utf8")).toBe(made().get(name));
});

test.each([
  { mode: "veto", types: ["Webhook", "Node", "RBAC"] },
  { mode: "full", types: ["Webhook", "RBAC"] },
] as const)("mode $mode stands in front of $types", ({ mode, types }) => {
  const { authorizers } = parse(made({ mode }).get("authorization-configuration.yaml") ?? "");
  expect(authorizers.map(({ type }: { type: string }) => type)).toEqual(types);
  expect(authorizers[0].webhook.failurePolicy).toBe("Deny");
});

test.each([
  { rememberedSeconds: undefined, isRemembered: false, ttl: "1s" },
  { rememberedSeconds: 30, isRemembered: true, ttl: "30s" },
])("answers are remembered for $rememberedSeconds", ({ rememberedSeconds, isRemembered, ttl }) => {
  const { authorizers } = parse(made({ rememberedSeconds }).get("authorization-configuration.yaml") ?? "");
  expect(authorizers[0].webhook).toMatchObject({
    cacheAuthorizedRequests: isRemembered,
    cacheUnauthorizedRequests: isRemembered,
    authorizedTTL: ttl,
    unauthorizedTTL: ttl,
  });
});

test("only secrets are secret, and no key is in what is not", () => {
  for (const { name, content, isSecret } of manifests(SETTINGS)) {
    expect(isSecret).toBe(name.endsWith(".kubeconfig"));
    if (!isSecret) expect(content).not.toContain(Buffer.from("key").toString("base64"));
  }
});

test("the role lets all be watched that is watched with every switch on", () => {
  const { rules } = parse((made().get("rbac.yaml") ?? "").split("---\n")[0] ?? "");
  const readable = rules
    .filter(({ verbs }: { verbs: string[] }) => verbs.includes("watch"))
    .flatMap(({ resources }: { resources: string[] }) => resources);
  const gates = { PodCertificateRequest: true, ServiceAccountNodeAudienceRestriction: true };
  const { watchedKinds } = createNodeAuthorizer({ featureGates: gates as never });
  for (const kind of watchedKinds) expect(readable).toContain(`${kind.toLowerCase()}s`);
});
