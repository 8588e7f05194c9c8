export { Headers } from "node-fetch";
