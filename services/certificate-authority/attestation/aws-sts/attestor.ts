import { httpsClient } from "../../../shared/https-exchange.ts";
import type { Attestor, AttestorTools } from "../attestor.ts";
import { awsInstances } from "../aws/instances.ts";
import { childOf, readXml } from "../aws/xml.ts";
import { noHello } from "../no-hello.ts";
import { denied } from "../refusal.ts";
import { rebuildRequest } from "./caller-identity-request.ts";
import type { AwsStsSettings } from "./settings.ts";

/** The answer has about half a KiB. */
const MAXIMUM_BYTES = 8 * 1024;
const MAXIMUM_CONNECTIONS = 16;

/** An instance in its role; EC2 names the session after it. Roles of other services have colons too, and are not listed. */
const INSTANCE_ROLE =
  /^arn:(aws(?:-[a-z]{1,16}){0,3}):sts::(\d{12}):assumed-role\/([\w+=,.@:-]{1,64})\/(i-(?:[0-9a-f]{8}|[0-9a-f]{17}))$/;
const MACHINE_ID = /^aws:(\d{12})\/(i-[0-9a-f]{8,17})$/;

/** Whom STS takes the caller for. */
interface InstanceIdentity {
  readonly partition: string;
  readonly account: string;
  readonly role: string;
  readonly instanceId: string;
}

/**
 * Proves that the caller holds, now, credentials of a listed role in a listed account whose session is named after an EC2
 * instance: STS says so itself, of a request that only they could sign and that covers bind. With `instances` also that the
 * instance runs, and in which VPC.
 *
 * For roles of one's own it is only worth what their trust policies are: who else may assume one names the session as they
 * like. It does not tell the instance's root user from others who reach its metadata service.
 */
export function createAwsStsAttestor(settings: AwsStsSettings, { clock }: Pick<AttestorTools, "clock">): Attestor {
  const { accounts, roles, sts } = settings;
  const region = settings.instances?.region ?? "";
  const instances = settings.instances && awsInstances(settings.instances, clock);
  const client = httpsClient({
    timeoutMilliseconds: sts.timeoutSeconds * 1000,
    maximumBytes: MAXIMUM_BYTES,
    maximumConnections: MAXIMUM_CONNECTIONS,
    allowPlainHttp: sts.allowPlainHttp,
  });

  async function askSts(proof: unknown, bind: Buffer, now: Date, signal: AbortSignal): Promise<InstanceIdentity> {
    const { url, headers, body } = rebuildRequest(proof, sts.endpoints, bind, now);
    // Signed or not, this header only says in which format we want the answer.
    const sent = { method: "POST", headers: { ...headers, accept: "application/xml" }, body, signal } as const;
    const answer = await client.exchange(url, sent).catch((error: unknown) => {
      throw denied(`STS does not say who has signed the request: ${(error as Error).message}`, error);
    });
    return readIdentity(answer.body.toString("utf8"));
  }

  return {
    async verify({ hello, proof, bind, now, signal }) {
      noHello.parse(hello);
      const { partition, account, role, instanceId } = await askSts(proof, bind, now, signal);
      if (!accounts.includes(account)) throw denied(`the profile does not list the account ${account}`);
      if (!roles.includes(role)) throw denied(`the profile does not list the role ${role}`);
      const confirmed = await instances?.confirm({ account, region, instanceId }, signal);
      const { privateDnsName, privateIp, vpcId, launchedAt } = confirmed ?? {};
      return {
        // Not the region: STS does not tell it.
        machineId: `aws:${account}/${instanceId}`,
        pins: {},
        fields: {
          ...{ partition, account_id: account, role, instance_id: instanceId },
          ...(vpcId && { vpc_id: vpcId, region }),
          ...(privateDnsName !== undefined && { private_dns_name: privateDnsName }),
          ...(privateIp !== undefined && { private_ip: privateIp }),
        },
        sans: {
          dnsNames: privateDnsName === undefined ? [] : [privateDnsName],
          ipAddresses: privateIp ? [privateIp] : [],
        },
        isFresh: true,
        ...(launchedAt !== undefined && { launchedAt }),
      };
    },
    ...(instances !== undefined && {
      async isGone(machineId: string, signal: AbortSignal) {
        const [, account, instanceId] = MACHINE_ID.exec(machineId) ?? [];
        if (account === undefined || instanceId === undefined) return undefined;
        return instances.isGone({ account, region, instanceId }, signal);
      },
    }),
    close() {
      client.close();
      instances?.close();
    },
  };
}

/** Source: AWS Security Token Service API Reference, GetCallerIdentity; IAM identifiers. */
function readIdentity(xml: string): InstanceIdentity {
  const answer = readXml(xml);
  if (answer.name !== "GetCallerIdentityResponse") throw denied(`STS answered with ${answer.name}`);
  const result = childOf(answer, "GetCallerIdentityResult");
  const arn = childOf(result, "Arn").text;
  const [, partition, account, role, instanceId] = INSTANCE_ROLE.exec(arn) ?? [];
  if (partition === undefined || account === undefined || role === undefined || instanceId === undefined)
    throw denied(`the caller is ${JSON.stringify(arn.slice(0, 256))}, no EC2 instance in its role`);
  if (childOf(result, "Account").text !== account) throw denied("STS tells two accounts");
  return { partition, account, role, instanceId };
}
