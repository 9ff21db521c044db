import type { AccessQuestion, AdmissionQuestion, Requester } from "../../services/node-authorizer/domain/questions.ts";

/** The user that the kubelet of node `name` is. */
export function nodeUser(name: string): Requester {
  return { username: `system:node:${name}`, groups: ["system:nodes", "system:authenticated"] };
}

/** Node `node1` asks to get nothing in particular. */
export function accessQuestion(overrides: Partial<AccessQuestion> = {}): AccessQuestion {
  const nothing = { group: "", resource: "", subresource: "", namespace: "", name: "", fieldSelector: [] };
  return { user: nodeUser("node1"), isResourceRequest: true, verb: "get", ...nothing, ...overrides };
}

/** Node `node1` writes nothing in particular. */
export function admissionQuestion(overrides: Partial<AdmissionQuestion> = {}): AdmissionQuestion {
  const nothing = { group: "", resource: "", subresource: "", namespace: "", name: "" };
  return { user: nodeUser("node1"), operation: "CREATE", ...nothing, ...overrides };
}
