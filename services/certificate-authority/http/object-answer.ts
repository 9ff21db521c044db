import type { ServerResponse } from "node:http";
import { stringify } from "yaml";
import type { TypedObject } from "../../shared/kubernetes/json-object.ts";
import { MEDIA_TYPES, type OutputFormat, outputNegotiator } from "../../shared/kubernetes/output-format.ts";
import { encodeProtobuf } from "../../shared/kubernetes/protobuf.ts";
import { isStatusError, type Status } from "../../shared/status-error.ts";
import { sendBytes } from "./call.ts";

/** Kubernetes' readers speak YAML 1.1, to which an unquoted `yes` is true and an unquoted time is no text. */
const YAML_OPTIONS = { version: "1.1", aliasDuplicateObjects: false } as const;

/** For what has neither a table nor metadata worth asking for. @throws {StatusError} NotAcceptable. */
export const negotiatePlain = outputNegotiator({ formats: ["json", "yaml", "protobuf"], conversions: false });

/** Writes any object of ours, a Status for instance. */
export function renderObject(object: TypedObject, { format, pretty }: Pick<OutputFormat, "format" | "pretty">): Buffer {
  switch (format) {
    case "json":
      return Buffer.from(`${JSON.stringify(object, undefined, pretty ? 2 : undefined)}\n`);
    case "yaml":
      return Buffer.from(stringify(object, YAML_OPTIONS));
    case "protobuf":
      return encodeProtobuf(object);
    default:
      return format satisfies never;
  }
}

/**
 * Answers with a failure in the form that the caller takes; in JSON when it takes none that we have.
 *
 * @param end - the whole answer is on its way at once, but ends only then, and the connection with it.
 */
export function sendFailure(
  response: ServerResponse,
  accept: string | undefined,
  status: Status,
  end?: Promise<void>,
): void {
  const output = formatForFailure(accept);
  const [code, type] = [status.code ?? 500, MEDIA_TYPES[output.format]];
  const body = renderObject({ ...status }, output);
  if (end === undefined) {
    sendBytes(response, code, type, body);
    return;
  }
  response.writeHead(code, { "content-type": type, "content-length": body.length });
  response.write(body);
  void end.then(() => response.end());
}

function formatForFailure(accept: string | undefined): Pick<OutputFormat, "format" | "pretty"> {
  try {
    return negotiatePlain(accept);
  } catch (error) {
    if (!isStatusError(error, "NotAcceptable")) throw error;
    return { format: "json", pretty: false };
  }
}
