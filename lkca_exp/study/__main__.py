from lkca_exp.cli.study import main

if __name__ == "__main__":
    main()
