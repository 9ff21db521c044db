import { StatusError } from "../../shared/status-error.ts";
import { type ObjectRef, objectRefOf } from "../domain/graph/object-kind.ts";
import type { NodeAuthorizer } from "../domain/node-authorizer.ts";

/** An object, by how the API names it. */
export interface ObjectQuery {
  readonly group: string;
  /** The plural. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a node would be answered. */
export interface ExplainQuery extends ObjectQuery {
  readonly node: string;
  readonly verb: string;
  readonly subresource: string;
}

/** Why a node may, or may not, do what is asked. */
export function explainFor(authorizer: Pick<NodeAuthorizer, "explain">, { node, ...question }: ExplainQuery) {
  const user = { username: `system:node:${node}`, groups: ["system:nodes"] };
  return authorizer.explain({ user, isResourceRequest: true, ...question, fieldSelector: [] });
}

/** Which nodes read an object, each with the way to it. @throws {StatusError} BadRequest for what no pod can name. */
export function readersOf(
  authorizer: Pick<NodeAuthorizer, "nodesThatRead">,
  { group, resource, namespace, name }: ObjectQuery,
): { readonly object: ObjectRef; readonly items: ReturnType<NodeAuthorizer["nodesThatRead"]> } {
  const object = objectRefOf(group, resource, namespace, name);
  if (object === undefined) {
    throw new StatusError("BadRequest", `nodes read no ${JSON.stringify(resource)} by way of their pods`);
  }
  return { object, items: authorizer.nodesThatRead(object) };
}
