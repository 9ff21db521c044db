import { isIP } from "node:net";
import { signAwsRequest } from "../../../shared/attestation/aws-signature.ts";
import { FORM_CONTENT_TYPE } from "../../../shared/attestation/caller-identity.ts";
import type { Clock } from "../../../shared/clock.ts";
import { isDnsSubdomain } from "../../../shared/dns-names.ts";
import { httpsClient } from "../../../shared/https-exchange.ts";
import { denied } from "../refusal.ts";
import { awsCredentialsFrom } from "./credentials.ts";
import type { AwsInstancesSettings } from "./settings.ts";
import { childOf, findChild, readXml, type XmlElement } from "./xml.ts";

/** An instance is about 8 KiB of XML; one with the most network interfaces and tags about 100. */
const MAXIMUM_BYTES = 512 * 1024;
const MAXIMUM_CONNECTIONS = 8;

/** Which instance is meant. */
export interface InstancePlace {
  readonly account: string;
  readonly region: string;
  readonly instanceId: string;
}

/** An instance that runs where it may, as EC2 says. */
export interface ConfirmedInstance {
  readonly vpcId: string;
  readonly launchedAt: Date;
  /** Undefined where its VPC gives none. */
  readonly privateDnsName: string | undefined;
  readonly privateIp: string | undefined;
}

/** What EC2 says of instances. */
export interface AwsInstances {
  /** @throws {AttestationRefusal} when the instance does not run, is somewhere else, or EC2 could not be asked. */
  confirm(place: InstancePlace, signal: AbortSignal): Promise<ConfirmedInstance>;
  /** Undefined when EC2 could not be asked, or does not show us instances of that account. */
  isGone(place: InstancePlace, signal: AbortSignal): Promise<boolean | undefined>;
  close(): void;
}

/** Asks EC2 with our own credentials, which need `ec2:DescribeInstances` and nothing else. */
export function awsInstances(settings: AwsInstancesSettings, clock: Clock, environment = process.env): AwsInstances {
  const credentials = awsCredentialsFrom(settings, environment);
  const client = httpsClient({
    timeoutMilliseconds: settings.timeoutSeconds * 1000,
    maximumBytes: MAXIMUM_BYTES,
    maximumConnections: MAXIMUM_CONNECTIONS,
    allowPlainHttp: settings.allowPlainHttp,
  });

  /** The instance's own element, and undefined when EC2 knows none of that id. */
  async function describe({ account, region, instanceId }: InstancePlace, signal: AbortSignal) {
    const url = new URL(settings.endpoint ?? endpointOf(region));
    // By a filter: an unknown id is then an empty answer and not an error.
    const parameters = { "Filter.1.Name": "instance-id", "Filter.1.Value.1": instanceId };
    const body = new URLSearchParams({ Action: "DescribeInstances", Version: "2016-11-15", ...parameters }).toString();
    const request = { host: url.host, region, service: "ec2", headers: { "content-type": FORM_CONTENT_TYPE }, body };
    const headers = { ...signAwsRequest(request, credentials(), clock.now()), accept: "application/xml" };
    const answer = await client.exchange(url, { method: "POST", headers, body, signal });
    return instanceIn(readXml(answer.body.toString("utf8")), account, instanceId);
  }

  return {
    async confirm(place, signal) {
      if (place.account !== settings.account)
        throw denied(`instances of the account ${place.account} cannot be looked up`);
      const instance = await describe(place, signal).catch((error: unknown) => {
        throw denied(`${place.instanceId} could not be looked up: ${(error as Error).message}`, error);
      });
      if (instance === undefined) throw denied(`EC2 knows no ${place.instanceId} in ${place.region}`);
      return confirmed(instance, settings.vpcs);
    },
    async isGone(place, signal) {
      if (place.account !== settings.account) return undefined;
      const instance = await describe(place, signal).catch(() => null);
      if (instance === null) return undefined;
      return instance === undefined || stateOf(instance) === "terminated";
    },
    close: () => client.close(),
  };
}

/** Source: AWS General Reference, "Amazon EC2 endpoints and quotas". Isolated regions need `endpoint`. */
function endpointOf(region: string): string {
  if (region.startsWith("cn-")) return `https://ec2.${region}.amazonaws.com.cn`;
  if (region.startsWith("eusc-")) return `https://ec2.${region}.amazonaws.eu`;
  return `https://ec2.${region}.amazonaws.com`;
}

function instanceIn(answer: XmlElement, account: string, instanceId: string): XmlElement | undefined {
  if (answer.name !== "DescribeInstancesResponse") throw denied(`EC2 answered with ${answer.name}`);
  const reservations = childOf(answer, "reservationSet").children;
  const ours = reservations.filter((reservation) => childOf(reservation, "ownerId").text === account);
  const instances = ours.flatMap((reservation) => childOf(reservation, "instancesSet").children);
  const found = instances.filter((instance) => childOf(instance, "instanceId").text === instanceId);
  if (found.length > 1) throw denied(`EC2 knows several ${instanceId}`);
  return found[0];
}

function stateOf(instance: XmlElement): string {
  return childOf(childOf(instance, "instanceState"), "name").text;
}

function confirmed(instance: XmlElement, vpcs: readonly string[] | undefined): ConfirmedInstance {
  const state = stateOf(instance);
  if (state !== "running") throw denied(`the instance is ${state}, not running`);
  const vpcId = findChild(instance, "vpcId")?.text ?? "";
  if (vpcs !== undefined && !vpcs.includes(vpcId))
    throw denied(`the instance is in the VPC ${JSON.stringify(vpcId)}, which the profile does not list`);
  const launchedAt = new Date(childOf(instance, "launchTime").text);
  if (Number.isNaN(launchedAt.getTime())) throw denied("EC2 told no launch time");
  const privateDnsName = findChild(instance, "privateDnsName")?.text.toLowerCase() ?? "";
  const privateIp = findChild(instance, "privateIpAddress")?.text ?? "";
  return {
    vpcId,
    launchedAt,
    privateDnsName: isDnsSubdomain(privateDnsName) ? privateDnsName : undefined,
    privateIp: isIP(privateIp) === 0 ? undefined : privateIp,
  };
}
