import { activation, preparation, retirement } from "./issuer-rotation.ts";
import { issuerRotation, issuerRotationList } from "./issuer-rotation-resource.ts";
import { answer, type Json, json, operation, pathParameter, toSchema } from "./open-api-parts.ts";

/** What rotation answers with. */
export const ROTATION_SCHEMAS = { IssuerRotation: issuerRotation, IssuerRotationList: issuerRotationList } as const;

/** What rotation is asked with. */
export function rotationInputs(): Json {
  return {
    IssuerPreparation: toSchema(preparation, "input"),
    IssuerActivation: toSchema(activation, "input"),
    IssuerRetirement: toSchema(retirement, "input"),
  };
}

/** The paths of issuer rotation. */
export function rotationPaths(): Json {
  const name = pathParameter("name", "What the configuration calls the issuer.");
  const step = (operationId: string, summary: string, body?: string): Json => ({
    parameters: [name],
    post: {
      ...operation(operationId, summary, answer("IssuerRotation")),
      ...(body !== undefined && { requestBody: { required: false, content: json(body) } }),
    },
  });
  const path = "/v1/configured-issuers/{name}/rotation";
  return {
    "/v1/issuer-rotations": {
      get: operation("listIssuerRotations", "Where the rotation of each issuer stands.", answer("IssuerRotationList")),
    },
    [path]: {
      parameters: [name],
      get: operation("readIssuerRotation", "Where the rotation of an issuer stands.", answer("IssuerRotation")),
    },
    [`${path}/prepare`]: step(
      "prepareIssuer",
      "Makes a new key and CA certificate, which is published in the trust bundle at once and does not sign. Of an issuer that " +
        "is signed elsewhere the first call answers with a request, the second brings the certificate.",
      "IssuerPreparation",
    ),
    [`${path}/activate`]: step(
      "activateIssuer",
      "Signs with the prepared issuer from now on. Refused, with who is missing, unless consumers are shown to trust it.",
      "IssuerActivation",
    ),
    [`${path}/retire`]: step(
      "retireIssuer",
      "Takes the old issuer out of the trust bundle and destroys its key. Refused while it has live certificates.",
      "IssuerRetirement",
    ),
    [`${path}/abandon`]: step("abandonIssuer", "Takes a prepared issuer back, before it has signed anything."),
  };
}
