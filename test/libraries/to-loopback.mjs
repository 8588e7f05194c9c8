// Loaded with --import: each connection to another machine goes to a server on loopback in its place, by the port. So the
// page's snippets run word for word, with AWS's own host names, TLS and HTTP/2.
import dns from "node:dns";
import net from "node:net";

/** @type {Record<string, number>} Ports on loopback, by the real ones. */
const ports = JSON.parse(process.env.LOOPBACK_PORTS ?? "{}");
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  const [options, listener] = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
  const isOwn = options.path || !options.host || /^(127\.|localhost$)/.test(options.host);
  if (isOwn) return connect.call(this, options, listener);
  const port = ports[options.port];
  if (port === undefined) throw new Error(`no stand-in for ${options.host}:${options.port}`);
  return connect.call(this, { ...options, host: "127.0.0.1", port }, listener);
};

// redis looks its server up by itself. No connection is made to this address, which is for documentation (RFC 5737).
dns.promises.lookup = async (_, { all } = {}) => {
  const found = { address: "192.0.2.1", family: 4 };
  return all ? [found] : found;
};
// mongodb+srv:// finds its servers in DNS.
dns.promises.resolve = async (name, type) => {
  if (type !== "SRV") throw Object.assign(new Error(`no ${type} record`), { code: "ENODATA" });
  return [{ name: name.replace("_mongodb._tcp.", "shard-0."), port: 27017 }];
};
