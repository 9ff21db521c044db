import { expect, test } from "@jest/globals";
import { createVeto, type VetoedRequester, type VetoRules } from "../../../services/node-authorizer/domain/veto.ts";
import { nodeUser } from "../../builders/node-questions.ts";

const REVOKED = "ab".repeat(32);
const VALID = "cd".repeat(32);
const KEY = "authentication.kubernetes.io/credential-id";

function veto(rules: Partial<VetoRules> = {}) {
  return createVeto({
    isRevoked: (fingerprint) => fingerprint === REVOKED,
    isQuarantined: (nodeName) => nodeName === "bad",
    requireCredentialId: false,
    ...rules,
  });
}

function user(name: string, ...credentialIds: string[]): VetoedRequester {
  return { ...nodeUser(name), extra: credentialIds.length === 0 ? {} : { [KEY]: credentialIds } };
}

const person = { username: "jane", groups: ["system:authenticated"] };

test.each<{ name: string; user: VetoedRequester; requires?: boolean; verdict: string; reason: string }>([
  { name: "a valid credential", user: user("n", `X509SHA256=${VALID}`), verdict: "noOpinion", reason: "" },
  { name: "a revoked one", user: user("n", `X509SHA256=${REVOKED}`), verdict: "deny", reason: "revoked" },
  {
    name: "a revoked one in capitals",
    user: user("n", `X509SHA256=${REVOKED.toUpperCase()}`),
    verdict: "deny",
    reason: "revoked",
  },
  {
    name: "a revoked one beside a valid one",
    user: user("n", `X509SHA256=${VALID}`, `X509SHA256=${REVOKED}`),
    verdict: "deny",
    reason: "revoked",
  },
  {
    name: "a revoked one of somebody who is no node",
    user: { ...person, extra: { [KEY]: [`X509SHA256=${REVOKED}`] } },
    verdict: "deny",
    reason: "revoked",
  },
  { name: "a quarantined node", user: user("bad", `X509SHA256=${VALID}`), verdict: "deny", reason: "quarantined" },
  { name: "a quarantined node that shows nothing", user: user("bad"), verdict: "deny", reason: "quarantined" },
  { name: "no credential id, as before 1.32", user: user("n"), verdict: "noOpinion", reason: "" },
  { name: "no credential id where required", user: user("n"), requires: true, verdict: "deny", reason: "credential" },
  {
    name: "two values where required",
    user: user("n", `X509SHA256=${VALID}`, `X509SHA256=${VALID}`),
    requires: true,
    verdict: "deny",
    reason: "credential",
  },
  { name: "a token where required", user: user("n", "JTI=1"), requires: true, verdict: "deny", reason: "credential" },
  {
    name: "a hash that is too short where required",
    user: user("n", `X509SHA256=${VALID.slice(1)}`),
    requires: true,
    verdict: "deny",
    reason: "credential",
  },
  {
    name: "a valid one where required",
    user: user("n", `X509SHA256=${VALID}`),
    requires: true,
    verdict: "noOpinion",
    reason: "",
  },
  { name: "no node where required", user: { ...person, extra: {} }, requires: true, verdict: "noOpinion", reason: "" },
])("veto: $name", ({ user, requires = false, verdict, reason }) => {
  const answer = veto({ requireCredentialId: requires })(user);
  expect(answer.verdict).toBe(verdict);
  expect(answer.reason).toContain(reason);
});
