import { certificateImport, certificateImportOutcome } from "./certificate-import.ts";
import { node, nodeList } from "./node-resources.ts";
import { nodeListQuery } from "./nodes.ts";
import { answer, type Json, json, operation, pathParameter, queryParameters, toSchema } from "./open-api-parts.ts";

export const INVENTORY_SCHEMAS = {
  Node: node,
  NodeList: nodeList,
  CertificateImportOutcome: certificateImportOutcome,
} as const;

/** The bodies that are sent. */
export function inventoryInputs(): Json {
  return { CertificateImport: toSchema(certificateImport, "input") };
}

/** What the OpenAPI document says of nodes, and of certificates that others issued. */
export function inventoryPaths(): Json {
  return {
    "/v1/certificates/import": {
      post: {
        ...operation(
          "importCertificates",
          "Puts certificates on record that an issuer on record has signed before Gatehouse, or without it. What cannot " +
            "be recorded is told in the answer.",
          answer("CertificateImportOutcome"),
        ),
        requestBody: { required: true, content: json("CertificateImport") },
      },
    },
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
