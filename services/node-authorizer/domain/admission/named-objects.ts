import type { AdmissionVerdict } from "../questions.ts";
import { textAt } from "../references/reading.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden } from "./refusals.ts";

const NODE_LEASES = "kube-node-lease";

/** A lease has its node's name; the authorizer does not see it when the lease is new. */
export function admitLease(write: NodeWrite): AdmissionVerdict {
  if (write.question.namespace !== NODE_LEASES) {
    return forbidden(`nodes can only use leases in the namespace ${NODE_LEASES}`);
  }
  return hasNodeName(write) ? ALLOWED : forbidden("nodes can only use the lease of their own name");
}

export function admitCsiNode(write: NodeWrite): AdmissionVerdict {
  return hasNodeName(write) ? ALLOWED : forbidden("nodes can only use the CSINode of their own name");
}

/** A slice says which node it is of, for ever; updates go through the graph. */
export function admitResourceSlice({ nodeName, question }: NodeWrite): AdmissionVerdict {
  const { operation, object, oldObject } = question;
  if (operation === "UPDATE") return ALLOWED;
  const slice = operation === "CREATE" ? object : oldObject;
  if (textAt(slice, "spec", "nodeName") === nodeName) return ALLOWED;
  return forbidden("nodes can only create and delete resource slices with spec.nodeName set to themselves");
}

function hasNodeName({ nodeName, question, name }: NodeWrite): boolean {
  const named = question.operation === "CREATE" ? textAt(question.object, "metadata", "name") : name;
  return named === nodeName;
}
