import { node, nodeList } from "./node-resources.ts";
import { nodeListQuery } from "./nodes.ts";
import { answer, type Json, operation, pathParameter, queryParameters } from "./open-api-parts.ts";

export const NODE_SCHEMAS = { Node: node, NodeList: nodeList } as const;

/** What the OpenAPI document says of nodes. */
export function nodePaths(): Json {
  return {
    "/v1/nodes": {
      get: {
        ...operation(
          "listNodes",
          "The nodes that certificates are on record for, in the order of their names, and what each has now.",
          answer("NodeList"),
        ),
        parameters: queryParameters(nodeListQuery),
      },
    },
    "/v1/nodes/{name}": {
      parameters: [pathParameter("name", "Name of the node.")],
      get: operation("readNode", "What a node has and had, and what replaced what.", answer("Node")),
    },
  };
}
