import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createAuthorizers } from "../../../../services/certificate-authority/access/authorization/create.ts";
import type { AuthorizerSettings } from "../../../../services/certificate-authority/access/authorization/settings.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { user } from "../../../builders/users.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const SERVER = "https://127.0.0.1:1/authorize";
const RBAC: AuthorizerSettings = { type: "RBAC" };

function webhookTo(server: string): AuthorizerSettings {
  const kubeconfigFile = join(temporaryDirectory(), "kubeconfig");
  const contexts = [{ name: "a", context: { cluster: "a", user: "a" } }];
  const users = [{ name: "a", user: { token: "what-we-show" } }];
  const clusters = [{ name: "a", cluster: { server } }];
  writeFileSync(kubeconfigFile, JSON.stringify({ "current-context": "a", contexts, clusters, users }));
  return {
    ...{ type: "Webhook", name: "policy", kubeconfigFile, timeoutSeconds: 1 },
    ...{ authorizedTtlSeconds: 0, unauthorizedTtlSeconds: 0, failurePolicy: "Deny" },
  };
}

function create(settings: readonly AuthorizerSettings[]) {
  const { logger, lines } = recordingLogger();
  const rbac = { decide: () => ({ allowed: false, reason: "rbac" }) };
  return { authorizers: createAuthorizers(settings, { rbac, clock: new SettableClock(), logger }), lines };
}

const PATH = { kind: "path", verb: "get", path: "/x" } as const;

test("authorizers stand in their order, behind the one that keeps administrators in", async () => {
  const { authorizers, lines } = create([webhookTo(SERVER), RBAC]);
  const decisions = await Promise.all(authorizers.map(async (authorizer) => authorizer.decide(user("x"), PATH)));
  expect(decisions.map(({ denied = false, reason }) => [denied, reason])).toEqual([
    [false, ""],
    [true, 'the authorization webhook "policy" gave no answer'],
    [false, "rbac"],
  ]);
  expect(authorizers[0]?.decide(user("x", "gatehouse:administrators"), PATH)).toMatchObject({ allowed: true });
  expect(JSON.stringify(lines)).toContain("no answer on authorization");
  expect(JSON.stringify(lines)).not.toContain("what-we-show");
});

test("doing without RBAC is told", () => {
  expect(JSON.stringify(create([webhookTo(SERVER)]).lines)).toContain("authorization has no RBAC");
  expect(create([RBAC]).lines).toEqual([]);
});

test("a webhook without TLS, or without its file, is refused", () => {
  expect(() => create([webhookTo("http://127.0.0.1:1/")])).toThrow("is not https");
  expect(() => create([{ ...webhookTo(SERVER), kubeconfigFile: "/gone" } as AuthorizerSettings])).toThrow("/gone");
});
