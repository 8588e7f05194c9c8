export { buildPackage as setup } from "./build.js";
