import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONTROLLER } from "./controlled-cluster.ts";

const fileIn = (directory: string): string => join(directory, "audit.log");

/** Arguments of a kube-apiserver that writes down every call before it answers. @param directory - for what it writes. */
export function auditArguments(directory: string): readonly string[] {
  const policy = join(directory, "audit-policy.yaml");
  const kinds = { apiVersion: "audit.k8s.io/v1", kind: "Policy" };
  writeFileSync(policy, JSON.stringify({ ...kinds, rules: [{ level: "Metadata" }] }));
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${fileIn(directory)}`, "--audit-log-mode=blocking"];
}

/** What the controller has asked of that kube-apiserver, each as `verb resource`, and what of it was forbidden. */
export function controllerCalls(directory: string) {
  const allowed = new Set<string>();
  const refused = new Set<string>();
  for (const line of readFileSync(fileIn(directory), "utf8").split("\n").slice(0, -1)) {
    const { verb, user, objectRef = {}, annotations = {}, stage } = JSON.parse(line);
    if (user.username !== CONTROLLER) continue;
    const { resource, subresource } = objectRef;
    const call = `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`;
    const isRefused = annotations["authorization.k8s.io/decision"] === "forbid";
    if (isRefused) refused.add(call);
    else if (stage !== "RequestReceived") allowed.add(call);
  }
  return { allowed, refused: [...refused] };
}
