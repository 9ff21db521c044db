import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { AwsCredentials } from "../../services/shared/attestation/aws-signature.ts";
import { closeServer, listenOnLoopback } from "./loopback-server.ts";

/** Somebody whom the fake knows by their keys. */
export interface AwsCaller {
  readonly credentials: AwsCredentials;
  readonly account: string;
  readonly arn: string;
}

export interface FakeInstance {
  readonly account: string;
  readonly instanceId: string;
  readonly state: string;
  readonly vpcId: string;
  readonly privateDnsName: string;
  readonly privateIp: string;
  readonly launchTime: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;

/**
 * STS and EC2 as far as they are asked here, in the clear: GetCallerIdentity and DescribeInstances by instance id. Signatures
 * are verified as AWS documents it, from the request as it came.
 */
export class AwsApi {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #callers: readonly AwsCaller[];
  readonly instances: FakeInstance[] = [];
  /** Requests that were answered or refused: method and path, service, body. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage["headers"]; readonly body: string }[] =
    [];
  /** Answered instead of anything else. */
  answer: ((response: ServerResponse) => void) | undefined;

  constructor(...callers: readonly AwsCaller[]) {
    this.#callers = callers;
  }

  /** @returns its URL, without path. */
  async listen(): Promise<string> {
    return `http://${await listenOnLoopback(this.#server)}`;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    this.requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    if (this.answer !== undefined) return this.answer(response);
    const verified = this.#verify(request, body);
    if (verified === undefined)
      return reply(response, 403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>");
    const parameters = new URLSearchParams(body);
    const action = `${verified.service} ${parameters.get("Action")}`;
    if (action === "sts GetCallerIdentity") return reply(response, 200, callerIdentityXml(verified.caller));
    if (action === "ec2 DescribeInstances") {
      const wanted = parameters.get("Filter.1.Name") === "instance-id" ? parameters.get("Filter.1.Value.1") : undefined;
      const found = this.instances.filter(
        ({ account, instanceId }) => account === verified.caller.account && instanceId === wanted,
      );
      return reply(response, 200, instancesXml(found));
    }
    return reply(response, 400, "<ErrorResponse/>");
  }

  #verify(
    request: IncomingMessage,
    body: string,
  ): { readonly caller: AwsCaller; readonly service: string } | undefined {
    const [, keyId, day, region, service, signedHeaders, signature] =
      AUTHORIZATION.exec(request.headers.authorization ?? "") ?? [];
    const caller = this.#callers.find(({ credentials }) => credentials.accessKeyId === keyId);
    if (!caller || !day || !region || !service || !signedHeaders || !signature) return undefined;
    if (request.headers["x-amz-security-token"] !== caller.credentials.sessionToken) return undefined;
    const lines = signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
    const [path, query = ""] = (request.url ?? "").split("?");
    const canonical = `${request.method}\n${path}\n${query}\n${lines.join("")}\n${signedHeaders}\n${hash(body)}`;
    const scope = `${day}/${region}/${service}/aws4_request`;
    const stringToSign = `AWS4-HMAC-SHA256\n${String(request.headers["x-amz-date"])}\n${scope}\n${hash(canonical)}`;
    const dateKey = mac(`AWS4${caller.credentials.secretAccessKey}`, day);
    const expected = mac(mac(mac(mac(dateKey, region), service), "aws4_request"), stringToSign);
    return timingSafeEqual(expected, Buffer.from(signature, "hex")) ? { caller, service } : undefined;
  }
}

function hash(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

function mac(key: string | Buffer, content: string): Buffer {
  return createHmac("sha256", key).update(content).digest();
}

function reply(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { "content-type": "text/xml" }).end(xml);
}

export function callerIdentityXml({ account, arn }: Pick<AwsCaller, "account" | "arn">): string {
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>${arn}</Arn>
    <UserId>AROAEXAMPLE:${arn.split("/").at(-1)}</UserId>
    <Account>${account}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>7a62c49f-347e-4fc4-9331-6e8e7a96aa73</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`;
}

function instancesXml(instances: readonly FakeInstance[]): string {
  const reservations = instances.map(
    ({ account, instanceId, state, vpcId, privateDnsName, privateIp, launchTime }) => `<item>
      <reservationId>r-0123456789abcdef0</reservationId><ownerId>${account}</ownerId><groupSet/>
      <instancesSet><item>
        <instanceId>${instanceId}</instanceId>
        <instanceState><code>16</code><name>${state}</name></instanceState>
        <privateDnsName>${privateDnsName}</privateDnsName>
        <launchTime>${launchTime}</launchTime>
        <vpcId>${vpcId}</vpcId><privateIpAddress>${privateIp}</privateIpAddress>
        <tagSet><item><key>a &amp; b</key><value>&lt;&#x6e;&#49;&gt;</value></item></tagSet>
      </item></instancesSet>
    </item>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>8f7724cf-496f-496e-8fe3-example</requestId>
  <reservationSet>${reservations.join("")}</reservationSet>
</DescribeInstancesResponse>`;
}
