import type { AdmissionVerdict } from "../questions.ts";
import { at, fieldsOf, isAbsent, listAt } from "../references/reading.ts";
import { isForbiddenLabel } from "./node-labels.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden } from "./refusals.ts";
import { isSemanticallyEqual } from "./semantic-equality.ts";

/** Nodes write their own Node only, and nothing of it that decides what runs there. Subresources are no different. */
export function admitNode({ nodeName, question, name }: NodeWrite): AdmissionVerdict {
  const { operation, object, oldObject } = question;
  if (name !== nodeName) return forbidden("nodes can only modify their own Node object");
  if (operation === "DELETE") return ALLOWED;
  if (fieldsOf(object) === undefined) return forbidden("the review holds no node");
  if (operation === "CREATE") {
    if (!isAbsent(at(object, "spec", "configSource")))
      return forbidden("nodes cannot create Nodes with a configSource");
    return admitLabels(object, undefined);
  }
  if (fieldsOf(oldObject) === undefined) return forbidden("the review holds no old node");
  const configSource = at(object, "spec", "configSource");
  // Old kubelets drop the field when they write the status.
  if (!isAbsent(configSource) && !isSame(configSource, at(oldObject, "spec", "configSource"))) {
    return forbidden("nodes cannot change configSource");
  }
  if (!isSame(listAt(object, "spec", "taints"), listAt(oldObject, "spec", "taints"))) {
    return forbidden("nodes cannot change taints");
  }
  if (!isSame(listAt(object, "metadata", "ownerReferences"), listAt(oldObject, "metadata", "ownerReferences"))) {
    return forbidden("nodes cannot change ownerReferences");
  }
  return admitLabels(object, oldObject);
}

/** Fields where nothing and something empty are different: pointers in Kubernetes' types. */
const POINTERS: ReadonlySet<string> = new Set(["", "configMap", "[].controller", "[].blockOwnerDeletion"]);

function isSame(left: unknown, right: unknown): boolean {
  return isSemanticallyEqual(left, right, (path) => {
    if (path === "[].timeAdded") return "time";
    return POINTERS.has(path) ? "presence" : undefined;
  });
}

function admitLabels(object: unknown, oldObject: unknown): AdmissionVerdict {
  const labels = at(object, "metadata", "labels");
  if (!isAbsent(labels) && fieldsOf(labels) === undefined) return forbidden("metadata.labels of the node is no map");
  const after = fieldsOf(labels) ?? {};
  const before = fieldsOf(at(oldObject, "metadata", "labels")) ?? {};
  const keys = new Set([...Object.keys(after), ...Object.keys(before)]);
  const changed = [...keys].filter((key) => labelOf(after, key) !== labelOf(before, key));
  const refused = changed.filter(isForbiddenLabel).sort();
  return refused.length === 0 ? ALLOWED : forbidden(`nodes cannot set or change these labels: ${refused.join(", ")}`);
}

function labelOf(labels: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
