# Written by `cc-session-recover init` or `plugin`. A hook sources it with the launcher's path in $ccsr_js. It starts the launcher with the
# node that ran that command, and returns where there is none. A project's settings can set PATH and NODE_OPTIONS for hooks, so
# neither chooses or changes that node.
ccsr_node= ccsr_other= ccsr_path=
if [ -r __START__ ]; then
  { IFS= read -r ccsr_node; IFS= read -r ccsr_other; IFS= read -r ccsr_path; } <__START__
fi
[ -x "$ccsr_node" ] || ccsr_node=$ccsr_other
# Gone after an upgrade: the one on PATH, unless it is in the project.
[ -x "$ccsr_node" ] || ccsr_node=$(command -v node 2>/dev/null)
case $ccsr_node in
  "${CLAUDE_PROJECT_DIR:-/}"/*) ;;
  /* | [A-Za-z]:*)
    if [ -f "$ccsr_js" ] && [ -x "$ccsr_node" ]; then
      CC_RECOVER_PATH=$ccsr_path CC_RECOVER_NODE_OPTIONS=${NODE_OPTIONS-} CC_RECOVER_OPENSSL_CONF=${OPENSSL_CONF-}
      export CC_RECOVER_PATH CC_RECOVER_NODE_OPTIONS CC_RECOVER_OPENSSL_CONF
      unset NODE_OPTIONS NODE_COMPILE_CACHE NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES
      exec "$ccsr_node" "$ccsr_js" "${ccsr_line-}"
    fi
    ;;
esac
